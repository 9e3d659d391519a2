#!/usr/bin/env python3
# conform: frames.output.only-frames: what is no frame
import os
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "..", "lib"))
from frames1 import Middleware


class Broken(Middleware):
    def make(self, hook, payload):
        self.put(b"debug: a log line on the wrong descriptor\n")
        return super().make(hook, payload)


sys.exit(Broken().main())
