#!/usr/bin/env python3
# conform: frames.dump-signal: SIGUSR2 ended it
import os
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "..", "lib"))
from runtime1 import Runtime


class Broken(Runtime):
    def write(self, header, payload=None):
        if header["type"] == "ready":
            header["dumpSignal"] = "SIGUSR2"
        super().write(header, payload)


sys.exit(Broken().main())
