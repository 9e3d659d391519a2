import atexit
import os
import signal
import sys
import time


def spins_for_ever():
    while True:
        pass


def busy(event, context):
    print("begun")
    spins_for_ever()


def waits(event, context):
    print("begun")
    time.sleep(600)


def running(event, context):
    print("begun")
    while not os.path.exists(event["file"]):
        time.sleep(0.001)
    return "finished"


def hook(number, frame):
    print("hook of SIGTERM")
    time.sleep(0.02)
    print("hook is done")


def hooks(event, context):
    signal.signal(signal.SIGTERM, hook)
    atexit.register(print, "hook of exit")
    return "set"


def leaves(event, context):
    def leave(number, frame):
        print("hook of SIGTERM")
        sys.exit(0)

    signal.signal(signal.SIGTERM, leave)
    return "set"
