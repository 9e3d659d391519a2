#!/usr/bin/env python3
# conform: frames.shutdown: still running
import os
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "..", "lib"))
from frames1 import Middleware


class Broken(Middleware):
    def end(self):
        import time

        while True:
            time.sleep(1)


sys.exit(Broken().main())
