#!/bin/bash
# conform: time.daemon: came the error
source /opt/minimal.sh
main
