#!/usr/bin/env python3
# conform: frames.invoke.unicode: what is no JSON|is no frame
import os
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "..", "lib"))
from frames1 import Middleware


class Broken(Middleware):
    def make(self, hook, payload):
        return b"" if hook == "error" else payload

    def write(self, header, payload=None):
        import json

        if payload is not None:
            header = {**header, "length": len(payload.decode())}
        self.put(json.dumps(header).encode() + b"\n" + (payload or b""))


sys.exit(Broken().main())
