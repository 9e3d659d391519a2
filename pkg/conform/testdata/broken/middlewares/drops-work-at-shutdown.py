#!/usr/bin/env python3
# conform: frames.shutdown.finishes: it ended
import os
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "..", "lib"))
from frames1 import Middleware


class Broken(Middleware):
    def make(self, hook, payload):
        import time

        time.sleep(0.5)
        return super().make(hook, payload)

    def end(self):
        os._exit(0)


sys.exit(Broken().main())
