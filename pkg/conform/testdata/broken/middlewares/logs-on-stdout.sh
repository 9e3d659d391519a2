#!/bin/bash
# conform: exec.output.json: what is no JSON
echo "handling $1"
cat
