#!/usr/bin/env python3
# conform: api.words: a second time
import os
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "..", "lib"))
from api1 import Client


class Broken(Client):
    def respond(self, id, made):
        super().respond(id, made)
        super().respond(id, made)


Broken().main()
