"""A persistent middleware in Python that keeps the contract. Those of testdata/broken take it and break one sentence of it."""
import json
import os
import sys
import threading


class Middleware:
    wanted = ("cancel", "multiplex")
    versions = (1,)

    def __init__(self):
        os.set_inheritable(3, False)
        os.set_inheritable(4, False)
        self.source = open(4, "rb")
        self.lock = threading.Lock()
        self.work = []

    # ---- frames ----

    def read(self):
        line = self.source.readline()
        if not line:
            return None, None
        header = json.loads(line)
        if "length" not in header:
            return header, None
        return header, self.source.read(header["length"])

    def write(self, header, payload=None):
        if payload is not None:
            header = {**header, "length": len(payload)}
        data = json.dumps(header).encode() + b"\n" + (payload or b"")
        with self.lock:
            self.put(data)

    def put(self, data):
        view = memoryview(data)
        while view:
            view = view[os.write(3, view):]

    # ---- the conversation ----

    def main(self):
        hello, _ = self.read()
        if hello is None:
            return 0
        if not set(hello["versions"]) & set(self.versions):
            self.write({"type": "error"}, b'{"errorType":"Runtime.StartError","errorMessage":"version 1 is not offered"}')
            return 1
        self.greet(hello)
        while True:
            header, payload = self.read()
            if header is None or header["type"] == "shutdown":
                return self.end()
            if header["type"] == "invoke":
                self.take(header, payload)
            elif header["type"] == "cancel":
                self.cancel(header)
            else:
                return self.unknown(header)

    def greet(self, hello):
        self.write({"type": "ready", "version": 1, "capabilities": [c for c in self.wanted if c in hello["capabilities"]]})

    def take(self, header, payload):
        thread = threading.Thread(target=self.answer, args=(header, payload))
        self.work.append(thread)
        thread.start()

    def cancel(self, header):
        pass

    def unknown(self, header):
        sys.stderr.write("a frame of type %s is not known\n" % header["type"])
        return 1

    def end(self):
        for thread in self.work:
            thread.join()
        return 0

    def answer(self, header, payload):
        hook, id = header["hook"], header["id"]
        if hook not in ("before", "after", "error"):
            self.write({"type": "error", "id": id}, b'{"errorType":"Runtime.UnknownHook","errorMessage":"there is no such hook"}')
            return
        made = self.make(hook, payload)
        if made is None:
            self.write({"type": "result", "id": id, "unchanged": True})
        else:
            self.write({"type": "result", "id": id}, made)

    def make(self, hook, payload):
        print("a log line of", hook, flush=True)  # on stdout, which is the log
        if hook != "before" or payload is None:
            return None
        document = json.loads(payload)
        if not isinstance(document, dict):
            return None
        return json.dumps({**document, "stamp": True}).encode()
