#!/usr/bin/env python3
# conform: frames.stream: a result after chunks
import os
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "..", "lib"))
from runtime1 import Runtime


class Broken(Runtime):
    def stream(self, id, texts):
        for text in texts:
            self.write({"type": "chunk", "id": id}, text.encode())
        self.write({"type": "result", "id": id}, b"null")


sys.exit(Broken().main())
