#!/bin/bash
# conform: exec.input.end: still running
until read -r -N 7000000 document || [[ $document ]]; do sleep 0.1; done
until [[ $document == *\}* ]]; do sleep 0.1; done
printf %s "$document"
