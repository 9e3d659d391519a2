"""A program that speaks the Runtime API, as AWS's own client for Python does. Those of testdata/broken break a sentence of it."""
import http.client
import importlib
import json
import os
import sys
import time


class Context:
    def __init__(self, headers):
        self.aws_request_id = headers["Lambda-Runtime-Aws-Request-Id"]
        self.invoked_function_arn = headers["Lambda-Runtime-Invoked-Function-Arn"]
        self.deadline_ms = int(headers["Lambda-Runtime-Deadline-Ms"])

    def get_remaining_time_in_millis(self):
        return int(self.deadline_ms - time.time() * 1000)


class Client:
    def __init__(self):
        self.connection = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])

    def ask(self, method, path, body=None, headers={}):
        self.connection.request(method, "/2018-06-01/runtime/" + path, body, headers)
        response = self.connection.getresponse()
        return response.headers, response.read()

    def describe(self, error):
        return json.dumps({"errorType": type(error).__name__, "errorMessage": str(error), "stackTrace": []}).encode()

    def load(self):
        module, _, function = os.environ["_HANDLER"].rpartition(".")
        sys.path.insert(0, os.getcwd())
        return getattr(importlib.import_module(module), function)

    def main(self):
        try:
            handler = self.load()
        except Exception as error:
            self.refuse(error)
            sys.exit(1)
        sys.stdout.reconfigure(line_buffering=True)
        while True:
            headers, event = self.ask("GET", "invocation/next")
            context = Context(headers)
            try:
                made = json.dumps(handler(json.loads(event), context), ensure_ascii=False).encode()
            except Exception as error:
                self.fail(context.aws_request_id, error)
                continue
            self.respond(context.aws_request_id, made)

    def refuse(self, error):
        self.ask("POST", "init/error", self.describe(error), {"Lambda-Runtime-Function-Error-Type": "Runtime.ImportModuleError"})

    def fail(self, id, error):
        self.ask("POST", "invocation/%s/error" % id, self.describe(error))

    def respond(self, id, made):
        self.ask("POST", "invocation/%s/response" % id, made)
