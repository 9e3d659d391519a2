#!/usr/bin/env python3
# conform: api.init-error: asked for an invocation
import os
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "..", "lib"))
from api1 import Client


class Broken(Client):
    def load(self):
        try:
            return super().load()
        except Exception as error:
            print(error)
            return lambda event, context: None


Broken().main()
