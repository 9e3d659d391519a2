#!/bin/bash
# conform: exec.input.newlines: what is no JSON
read -r line
printf "%s " "$line"
