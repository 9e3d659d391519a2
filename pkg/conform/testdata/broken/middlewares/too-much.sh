#!/bin/bash
# conform: exec.output.size: are allowed
read -r -N 7000000 document
printf '{"pad":"%07000000d"}' 0
