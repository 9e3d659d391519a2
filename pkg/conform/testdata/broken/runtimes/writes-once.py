#!/usr/bin/env python3
# conform: handler.echo.large: no frame|did not answer|midst of a frame
import os
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "..", "lib"))
from runtime1 import Runtime


class Broken(Runtime):
    def put(self, data):
        os.set_blocking(3, False)
        os.write(3, data)  # a pipe takes what it takes


sys.exit(Broken().main())
