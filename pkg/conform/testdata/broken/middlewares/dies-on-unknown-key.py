#!/usr/bin/env python3
# conform: frames.handshake.unknown-key: it ended (exit status 1)
import os
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "..", "lib"))
from frames1 import Middleware


class Broken(Middleware):
    def greet(self, hello):
        known = {"type", "versions", "role", "name", "capabilities", "maxPayload"}
        if set(hello) - known:
            raise KeyError("unknown keys in hello: %s" % (set(hello) - known))
        super().greet(hello)


sys.exit(Broken().main())
