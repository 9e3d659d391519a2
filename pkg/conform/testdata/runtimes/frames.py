#!/usr/bin/env python3
# A language runtime with frames/1.
import os
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "lib"))
from runtime1 import Runtime

sys.exit(Runtime().main())
