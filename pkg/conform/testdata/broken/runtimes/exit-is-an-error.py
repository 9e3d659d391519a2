#!/usr/bin/env python3
# conform: handler.exit: still running
import os
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "..", "lib"))
from runtime1 import Runtime


class Broken(Runtime):
    def load(self, name):
        handler = super().load(name)
        if not name.endswith("on_exit"):
            return handler

        def caught(event, context):
            raise RuntimeError("the handler wanted to exit")

        return caught


sys.exit(Broken().main())
