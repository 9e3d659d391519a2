#!/usr/bin/env python3
# conform: frames.hook.after: does not say unchanged
import os
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "..", "lib"))
from frames1 import Middleware


class Broken(Middleware):
    def write(self, header, payload=None):
        header.pop("unchanged", None)
        super().write(header, payload)


sys.exit(Broken().main())
