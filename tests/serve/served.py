"""A service over real sockets: of a made-up model in this process, and of a real run in its own."""

import http.client
import json
import socket
import subprocess
import sys
import threading
from contextlib import contextmanager

import numpy as np
import uvicorn

from alambique.inference.classifier import Classifier
from alambique.serve.app import build_app
from alambique.serve.limits import Limits
from alambique.serve.server import listen

NAMES = ("zero", "one", "two")


def counting(segments):
    """Logits of a model that can be reckoned by head: a text's number is its class, or else class 0."""
    return np.log(np.array([np.where(np.arange(3) == number(row), 0.5, 0.25) for row in segments], dtype=np.float32))


def number(row):
    return int(row[0]) % 3 if row[0].isdigit() else 0


def classifier(logits=counting, *, pairs=False, temperature=2.0):
    return Classifier("int8", NAMES, pairs, 24, logits, lambda: temperature)


class Client:
    """Requests on one address, each on its own connection: (status, headers, JSON)."""

    def __init__(self, port):
        self.port = port

    def __call__(self, method, path, body=None, content_type="application/json", **headers):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        connection.request(method, path, body, {"Content-Type": content_type, **headers})
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        return answer.status, dict(answer.getheaders()), json.loads(content) if content[:1] in b"{[" else content

    def predict(self, content, **options):
        return self("POST", "/predict", json.dumps(content).encode(), **options)


@contextmanager
def serving(model=None, limits=None, teacher=None, alone=None):
    """Serve a model in a thread of this process; gives a client."""
    listener = listen("127.0.0.1", 0)
    app = build_app(model or classifier(), teacher, limits or Limits(), alone=alone)
    server = uvicorn.Server(uvicorn.Config(app, log_level="critical", lifespan="on", ws="none"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        yield Client(listener.getsockname()[1])
    finally:
        server.should_exit = True
        thread.join(30)
        listener.close()
        assert not thread.is_alive()


@contextmanager
def command(*arguments):
    """Run ``alambique serve`` on a free port: (process, client)."""
    process = subprocess.Popen(
        [sys.executable, "-m", "alambique", "serve", *map(str, arguments), "--port", "0"],
        stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        line = process.stderr.readline()
        assert " on http://127.0.0.1:" in line, line + process.stderr.read()
        yield process, Client(int(line.split("http://127.0.0.1:")[1].split()[0]))
    finally:
        process.kill()
        process.communicate()


def raw(port, *parts, pause=None):
    """Send bytes as they are, and read until the other side closes."""
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        for part in parts:
            connection.sendall(part)
            if pause is not None:
                pause()
        received = b""
        while chunk := connection.recv(65536):
            received += chunk
        return received
