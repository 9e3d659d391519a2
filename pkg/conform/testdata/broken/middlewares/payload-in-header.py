#!/usr/bin/env python3
# conform: frames.invoke.large: header is over
import os
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "..", "lib"))
from frames1 import Middleware


class Broken(Middleware):
    def write(self, header, payload=None):
        header = {**header, "text": (payload or b"").decode()}
        super().write(header, payload)


sys.exit(Broken().main())
