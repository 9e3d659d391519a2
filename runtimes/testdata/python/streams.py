import os
import time


def chunks(event, context):
    yield "one"
    while not os.path.exists(event["file"]):
        time.sleep(0.001)
    yield b""  # nothing, and no chunk
    yield b"\xff\x00"


def prelude(event, context):
    yield {"statusCode": 201, "headers": {"x-cheese": "Cheddar 🧀"}, "cookies": ["a=1"]}
    yield "body"


def empty(event, context):
    return iter(())


def breaks(event, context):
    yield "one"
    raise TypeError("in the middle")


def early(event, context):
    raise TypeError("too early")
    yield


def big(event, context):
    print("begun")
    for _ in range(304):
        yield b"x" * (64 * 1024)
    yield b"y" * (1024 * 1024)


def twice(event, context):
    return (str(n) for n in (1, 2))


def number(event, context):
    try:
        yield "one"
        yield 2
    finally:
        print("closed")


def late_head(event, context):
    yield "one"
    yield {"statusCode": 200}


def long_head(event, context):
    yield {"headers": {"x": "x" * 70000}}


async def asynchronous(event, context):
    yield 1
