#!/usr/bin/env python3
# conform: frames.handshake.missing-handler: says that it is ready
import os
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "..", "lib"))
from runtime1 import Runtime


class Broken(Runtime):
    def load(self, name):
        def later(event, context):
            return super(Broken, self).load(name)(event, context)

        return later


sys.exit(Broken().main())
