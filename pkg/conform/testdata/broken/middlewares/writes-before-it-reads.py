#!/usr/bin/env python3
# conform: frames.multiplex.large: it stopped reading fd 4
import os
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "..", "lib"))
from frames1 import Middleware


class Broken(Middleware):
    def take(self, header, payload):
        self.answer(header, payload)  # no thread: what comes meanwhile is not read


sys.exit(Broken().main())
