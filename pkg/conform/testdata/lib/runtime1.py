"""A language runtime in Python that keeps the contract of frames/1, streams too. Those of testdata/broken break one sentence of it."""
import importlib
import json
import os
import sys
import time
import types

from frames1 import Middleware


class Context:
    def __init__(self, header):
        self.aws_request_id = header["context"]["requestId"]
        self.invoked_function_arn = header["context"].get("functionArn")
        self.deadline_ms = header["deadlineMs"]

    def get_remaining_time_in_millis(self):
        return int(self.deadline_ms - time.time() * 1000)


class Runtime(Middleware):
    wanted = ("stream",)

    def greet(self, hello):
        sys.stdout.reconfigure(line_buffering=True)
        try:
            self.handler = self.load(sys.argv[1])
        except Exception as error:
            self.write({"type": "error"}, self.describe(error))
            sys.exit(1)
        super().greet(hello)

    def load(self, name):
        module, _, function = name.rpartition(".")
        sys.path.insert(0, os.getcwd())
        return getattr(importlib.import_module(module), function)

    def describe(self, error):
        return json.dumps({"errorType": type(error).__name__, "errorMessage": str(error), "stackTrace": []}).encode()

    def take(self, header, payload):
        self.answer(header, payload)

    def context(self, header):
        return Context(header)

    def answer(self, header, payload):
        id = header["id"]
        try:
            made = self.handler(json.loads(payload), self.context(header))
            if isinstance(made, types.GeneratorType):
                return self.stream(id, made)
            self.write({"type": "result", "id": id}, self.encode(made))
        except Exception as error:
            self.fail(id, error)

    def encode(self, value):
        return json.dumps(value, ensure_ascii=False).encode()

    def fail(self, id, error):
        self.write({"type": "error", "id": id}, self.describe(error))

    def stream(self, id, texts):
        head = {"contentType": "text/plain"}
        for text in texts:
            self.write({"type": "chunk", "id": id, **head}, text.encode())
            head = {}
        if head:
            self.write({"type": "chunk", "id": id, **head}, b"")
        self.write({"type": "end", "id": id})
