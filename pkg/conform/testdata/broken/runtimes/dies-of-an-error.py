#!/usr/bin/env python3
# conform: handler.fail.lives: it ended
import os
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "..", "lib"))
from runtime1 import Runtime


class Broken(Runtime):
    def fail(self, id, error):
        super().fail(id, error)
        sys.exit(1)


sys.exit(Broken().main())
