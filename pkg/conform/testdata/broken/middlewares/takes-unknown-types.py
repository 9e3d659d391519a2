#!/usr/bin/env python3
# conform: frames.unknown-type: weather
import os
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "..", "lib"))
from frames1 import Middleware


class Broken(Middleware):
    def main(self):
        while True:
            status = super().main()
            if status != 1:
                return status

    def unknown(self, header):
        while True:  # whatever that was
            header, payload = self.read()
            if header is None:
                return 0


sys.exit(Broken().main())
