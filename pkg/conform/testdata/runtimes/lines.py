#!/usr/bin/env python3
# The lines of 2018, for handlers in Python.
import importlib
import json
import os
import sys

sys.path.insert(0, os.getcwd())
module, _, function = sys.argv[1].rpartition(".")
handler = getattr(importlib.import_module(module), function)
for event in sys.stdin:
    print(json.dumps(handler(json.loads(event), None)), flush=True)
