#!/usr/bin/env python3
# conform: handler.fail: no error document
import os
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "..", "lib"))
from runtime1 import Runtime


class Broken(Runtime):
    def describe(self, error):
        return str(error).encode()


sys.exit(Broken().main())
