#!/usr/bin/env python3
# conform: frames.invoke.id: has the id "1", and pending
import os
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "..", "lib"))
from frames1 import Middleware


class Broken(Middleware):
    def answer(self, header, payload):
        super().answer({**header, "id": "1"}, payload)


sys.exit(Broken().main())
