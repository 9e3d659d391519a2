#!/bin/bash
# conform: exec.leaves-nothing: left a process behind
setsid -f sleep 60
sleep 0.2 # until it has a group of its own
cat
