#!/usr/bin/env python3
# conform: frames.descriptors: holds its fd 3 or fd 4
import os
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "..", "lib"))
from frames1 import Middleware


class Broken(Middleware):
    def __init__(self):
        super().__init__()
        import subprocess

        os.set_inheritable(3, True)
        subprocess.Popen(["sleep", "60"], close_fds=False, start_new_session=True)


sys.exit(Broken().main())
