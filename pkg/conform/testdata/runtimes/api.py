#!/usr/bin/env python3
# A program that speaks the Runtime API.
import os
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "lib"))
from api1 import Client

Client().main()
