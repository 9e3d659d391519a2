#!/usr/bin/env python3
# conform: frames.stream: no chunk before
import os
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "..", "lib"))
from runtime1 import Runtime


class Broken(Runtime):
    def stream(self, id, texts):
        self.write({"type": "end", "id": id})


sys.exit(Broken().main())
