#!/usr/bin/env python3
# conform: frames.payload.none: did not answer|it ended
import os
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "..", "lib"))
from frames1 import Middleware


class Broken(Middleware):
    def answer(self, header, payload):
        if len(payload) > 1_000_000:  # of a payload that is not there
            return
        super().answer(header, payload)


sys.exit(Broken().main())
