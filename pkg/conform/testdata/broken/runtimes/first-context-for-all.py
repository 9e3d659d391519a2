#!/usr/bin/env python3
# conform: handler.context: the context says
import os
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "..", "lib"))
from runtime1 import Runtime


class Broken(Runtime):
    first = None

    def context(self, header):
        self.first = self.first or super().context(header)
        return self.first


sys.exit(Broken().main())
