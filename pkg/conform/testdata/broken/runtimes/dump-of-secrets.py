#!/usr/bin/env python3
# conform: frames.dump-signal: the environment in it
import os
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "..", "lib"))
from runtime1 import Runtime


class Broken(Runtime):
    def greet(self, hello):
        import signal

        def dump(number, frame):
            for key, value in os.environ.items():
                sys.stderr.write("%s=%s\n" % (key, value))
            sys.stderr.flush()

        signal.signal(signal.SIGUSR2, dump)
        super().greet(hello)

    def write(self, header, payload=None):
        if header["type"] == "ready":
            header["dumpSignal"] = "SIGUSR2"
        super().write(header, payload)


sys.exit(Broken().main())
