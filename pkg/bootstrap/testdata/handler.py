"""The functions of the tests. work is what each of the four languages does, by the word in event["do"]."""
import os
import signal
import subprocess
import sys
import time

count = 0


def hello(event, context):
    return event


def work(event, context):
    global count
    word = event["do"]
    if word == "state":
        count += 1
        return {"count": count, "pid": os.getpid()}
    if word == "print":
        print('{"type":"result","id":"1","length":0}')
        print("printed line")
        print("no newline", end="")
        return "printed"
    if word == "throw":
        raise TypeError('out of "cheese" 🧀')
    if word in ("hang", "busy"):
        children = [subprocess.Popen(["sleep", "300"]), subprocess.Popen(["setsid", "sleep", "300"])]
        with open(event["pids"], "w") as file:
            file.write(" ".join(str(pid) for pid in [os.getpid()] + [child.pid for child in children]))
        while word == "busy":
            pass
        time.sleep(300)
    if word == "exit":
        sys.exit(event["status"])
    if word == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if word == "big":
        return "x" * (event["bytes"] - 2)
    if word == "context":
        return {
            "left": context.get_remaining_time_in_millis(),
            "traceID": os.environ["_X_AMZN_TRACE_ID"],
            "arn": context.invoked_function_arn,
        }
