#!/usr/bin/env python3
# conform: frames.eof: still running
import os
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "..", "lib"))
from frames1 import Middleware


class Broken(Middleware):
    def read(self):
        import time

        header, payload = super().read()
        while header is None:
            time.sleep(1)  # perhaps there will be more
        return header, payload


sys.exit(Broken().main())
