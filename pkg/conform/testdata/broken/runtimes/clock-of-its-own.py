#!/usr/bin/env python3
# conform: handler.context.deadline: ms remain
import os
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "..", "lib"))
from runtime1 import Runtime


class Broken(Runtime):
    def context(self, header):
        import time

        return super().context({**header, "deadlineMs": time.time() * 1000 + 10_000})


sys.exit(Broken().main())
