#!/bin/bash
# conform: exec.input.large: failed with exit status
set -e
document=$(cat)
/bin/echo "$document"
