#!/usr/bin/env python3
# A persistent middleware that several ids at once may ask.
import os
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "lib"))
from frames1 import Middleware

sys.exit(Middleware().main())
