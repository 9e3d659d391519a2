#!/usr/bin/env python3
# conform: frames.invoke.bytewise: it ended
import os
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "..", "lib"))
from frames1 import Middleware


class Broken(Middleware):
    def read(self):
        import json

        data = os.read(4, 65536)  # a frame comes whole, does it not?
        if not data:
            return None, None
        line, _, payload = data.partition(b"\n")
        return json.loads(line), payload


sys.exit(Broken().main())
