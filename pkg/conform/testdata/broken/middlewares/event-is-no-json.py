#!/usr/bin/env python3
# conform: frames.hook.before: what is no JSON
import os
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "..", "lib"))
from frames1 import Middleware


class Broken(Middleware):
    def make(self, hook, payload):
        return str({"event": payload}).encode() if hook == "before" else None


sys.exit(Broken().main())
