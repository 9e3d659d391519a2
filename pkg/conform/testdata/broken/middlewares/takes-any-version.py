#!/usr/bin/env python3
# conform: frames.handshake.version-refused: only version 99 was offered
import os
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "..", "lib"))
from frames1 import Middleware


class Broken(Middleware):
    versions = range(1000)


sys.exit(Broken().main())
