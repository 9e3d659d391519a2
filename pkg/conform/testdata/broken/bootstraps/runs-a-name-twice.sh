#!/bin/bash
# conform: init.duplicate: came the response
source /opt/minimal.sh
main
