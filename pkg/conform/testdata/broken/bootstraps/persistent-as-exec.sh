#!/bin/bash
# conform: persistent.once: due is
source /opt/minimal.sh # which starts it for each hook
main
