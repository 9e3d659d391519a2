#!/usr/bin/env python3
# conform: api.init-error: without a word
import os
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "..", "lib"))
from api1 import Client


class Broken(Client):
    def refuse(self, error):
        print(error, file=sys.stderr)


Broken().main()
