#!/usr/bin/env python3
# conform: frames.cancel.pending: that nobody waits for|answered twice|pending is
import os
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "..", "lib"))
from runtime1 import Runtime


class Broken(Runtime):
    wanted = ("cancel",)

    def take(self, header, payload):
        import threading

        threading.Thread(target=self.answer, args=(header, payload), daemon=True).start()

    def cancel(self, header):
        for _ in range(2):
            self.fail(header["id"], TimeoutError("cancelled"))

    def end(self):
        os._exit(0)


sys.exit(Broken().main())
