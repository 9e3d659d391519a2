#!/usr/bin/env python3
# conform: frames.stream.error: has an end
import os
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "..", "lib"))
from runtime1 import Runtime


class Broken(Runtime):
    def stream(self, id, texts):
        def until_it_fails():
            try:
                yield from texts
            except Exception as error:
                print(error)

        super().stream(id, until_it_fails())


sys.exit(Broken().main())
