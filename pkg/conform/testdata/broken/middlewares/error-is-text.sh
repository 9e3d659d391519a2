#!/bin/bash
# conform: exec.output.error-document: no error document
if [[ $1 == error ]]; then echo "something went wrong"; fi
