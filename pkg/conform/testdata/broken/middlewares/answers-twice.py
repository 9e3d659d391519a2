#!/usr/bin/env python3
# conform: frames.invoke.once: that nobody waits for|answered twice|and pending
import os
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "..", "lib"))
from frames1 import Middleware


class Broken(Middleware):
    def answer(self, header, payload):
        super().answer(header, payload)
        super().answer(header, payload)


sys.exit(Broken().main())
