"""A local server with the chat completions of OpenAI's HTTP interface, which also fails, stalls and answers nonsense."""

import json
import math
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from alambique.recipe.answering import Endpoint


def completion(text, top=()):
    """The body of an answer; ``top`` has a mapping from token to probability for each position, the chosen one first."""
    positions = [
        {"token": next(iter(listed)), "top_logprobs": [
            {"token": token, "logprob": math.log(p) if p else -9999.0} for token, p in listed.items()
        ]} for listed in top
    ]  # fmt: skip
    choice = {"message": {"role": "assistant", "content": text}, "logprobs": {"content": positions} if top else None}
    return {"choices": [choice]}


class StandIn:
    """What was asked, and what is answered.

    Attributes:
        answer: from the body of a request to (status, headers, body as JSON value or bytes); a number is seconds of silence.
        bodies: of requests, in the order in which they came.
        keys: the Authorization header of each.
        most: requests at the same time.
    """

    def __init__(self):
        self.reset()
        self.now = 0
        self.lock = threading.Lock()

    def reset(self, answer=None):
        """Forget what was asked, and answer so from now on."""
        self.bodies, self.keys, self.most, self.answer = [], [], 0, answer

    @property
    def texts(self):
        """What was asked about."""
        return [text_of(body) for body in self.bodies]

    def settings(self, **keys):
        """The section of the recipe."""
        return Endpoint(**{"url": self.url, "model": "m", "timeout": 5, "concurrency": 2, **keys})


def text_of(body):
    """The text that a question is about."""
    return body["messages"][0]["content"].rpartition("Text:\n")[2]


@contextmanager
def serving():
    """A stand-in at its own port."""
    stand_in = StandIn()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = 2**16  # headers and body in one packet: the client would wait for the second

        def do_POST(self):
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            with stand_in.lock:
                assert self.path == "/v1/chat/completions"
                stand_in.bodies.append(body)
                stand_in.keys.append(self.headers["Authorization"])
                stand_in.now += 1
                stand_in.most = max(stand_in.most, stand_in.now)
            answered = stand_in.answer(body)
            if isinstance(answered, (int, float)):
                time.sleep(answered)
                answered = (200, {}, b"")
            status, headers, content = answered
            content = content if isinstance(content, bytes) else json.dumps(content).encode()
            with stand_in.lock:
                stand_in.now -= 1
            try:
                self.send_response(status)
                for name, value in {"Content-Length": str(len(content)), **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(content)
                self.wfile.flush()
            except OSError:
                self.close_connection = True  # the client waited no longer

        def log_message(self, *_):
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        block_on_close = False

    server = Server(("127.0.0.1", 0), Handler)
    stand_in.url = f"http://127.0.0.1:{server.server_port}/v1"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield stand_in
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
