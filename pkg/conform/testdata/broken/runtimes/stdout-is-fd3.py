#!/usr/bin/env python3
# conform: frames.output.only-frames: what is no frame|nobody waits for|pending is
import os
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "..", "lib"))
from runtime1 import Runtime


class Broken(Runtime):
    def __init__(self):
        super().__init__()
        os.dup2(3, 1)


sys.exit(Broken().main())
