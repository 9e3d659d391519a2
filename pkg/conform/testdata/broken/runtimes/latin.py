#!/usr/bin/env python3
# conform: handler.echo.unicode: echo failed|echo made
import os
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "..", "lib"))
from runtime1 import Runtime


class Broken(Runtime):
    def encode(self, value):
        return super().encode(value).decode().encode("latin-1", "replace")


sys.exit(Broken().main())
