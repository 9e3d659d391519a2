#!/usr/bin/env python3
# conform: frames.handshake.capabilities: was not offered
import os
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "..", "lib"))
from frames1 import Middleware


class Broken(Middleware):
    def greet(self, hello):
        self.write({"type": "ready", "version": 1, "capabilities": list(self.wanted)})


sys.exit(Broken().main())
