"""A stand-in for the Hub's HTTP interface, as far as pushing a model goes: repositories of files, one commit at a time."""

import base64
import hashlib
import json
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

import yaml

TOKEN = "hf_of_ann"  # noqa: S105 - of this stand-in


@dataclass
class Hub:
    """What the Hub holds.

    Attributes:
        repositories: name → {path: content}.
        private: names of private ones.
        asked: method and path of each request, in order.
        commits: their messages.
        refuses: the status that commits are refused with; None: they are taken.
        breaks: whether uploads are refused.
        uploads: content sent aside, by its SHA-256.
        address: where it listens.
    """

    address: str = ""
    repositories: dict = field(default_factory=dict)
    private: set = field(default_factory=set)
    commits: list = field(default_factory=list)
    asked: list = field(default_factory=list)
    refuses: int | None = None
    breaks: bool = False
    uploads: dict = field(default_factory=dict)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    @property
    def hub(self):
        return self.server.hub

    def answer(self, value, status=200):
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def received(self):
        if "chunked" in self.headers.get("Transfer-Encoding", ""):
            body = b""
            while size := int(self.rfile.readline(), 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
            return body
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def do_PUT(self):
        body = self.received()
        name = urlsplit(self.path).path.split("/")[-1]
        self.hub.asked.append(("PUT", "/upload"))
        if self.hub.breaks:
            self.answer({"error": "Forbidden"}, 403)
            return
        assert hashlib.sha256(body).hexdigest() == name
        self.hub.uploads[name] = body
        self.answer({})

    def do_GET(self):
        self.hub.asked.append(("GET", self.path))
        self.answer({"error": "Not found"}, 404)

    def do_POST(self):
        body, path = self.received(), urlsplit(self.path).path
        self.hub.asked.append(("POST", path))
        if self.headers.get("Authorization") != f"Bearer {TOKEN}":
            self.answer({"error": "Invalid credentials"}, 401)
            return
        if path == "/api/repos/create":
            self.create(json.loads(body))
        elif path == "/api/validate-yaml":
            self.validate(json.loads(body)["content"])
        elif path.endswith(".git/info/lfs/objects/batch"):
            self.answer({"objects": [self.place_for(one) for one in json.loads(body)["objects"]]})
        elif "/preupload/" in path:
            self.answer({"files": [self.mode_of(one) for one in json.loads(body)["files"]]})
        elif "/commit/" in path:
            self.commit("/".join(path.split("/")[3:5]), body)
        else:
            self.answer({"error": "Not found"}, 404)

    def create(self, asked):
        name = f"{asked.get('organization') or 'ann'}/{asked['name']}"
        if not name.startswith("ann/"):
            self.answer({"error": "You don't have the rights to create a model under this namespace"}, 403)
            return
        there = name in self.hub.repositories
        if not there:
            self.hub.repositories[name] = {}
            if asked.get("private") or asked.get("visibility") == "private":
                self.hub.private.add(name)
        self.answer({"url": f"{self.hub.address}/{name}", "name": name}, 409 if there else 200)

    def validate(self, card):
        _, metadata, _ = card.split("---\n", 2)
        wrong = [{"message": '"tags" must be a list'}] if not isinstance(yaml.safe_load(metadata)["tags"], list) else []
        self.answer({"errors": wrong, "warnings": []}, 400 if wrong else 200)

    def mode_of(self, one):
        large = one["path"].endswith((".safetensors", ".onnx"))
        return {"path": one["path"], "uploadMode": "lfs" if large else "regular", "shouldIgnore": False}

    def place_for(self, one):
        href = f"{self.hub.address}/upload/{one['oid']}"
        return {"oid": one["oid"], "size": one["size"], "actions": {"upload": {"href": href, "header": {}}}}

    def commit(self, name, body):
        if self.hub.refuses is not None:
            self.answer({"error": "Something is broken"}, self.hub.refuses)
            return
        files, summary = dict(self.hub.repositories[name]), None
        for line in body.splitlines():
            entry = json.loads(line)
            value = entry["value"]
            if entry["key"] == "header":
                summary = value["summary"]
            elif entry["key"] == "file":
                files[value["path"]] = base64.b64decode(value["content"])
            elif entry["key"] == "lfsFile":
                files[value["path"]] = self.hub.uploads[value["oid"]]
        self.hub.repositories[name] = files
        self.hub.commits.append(summary)
        oid = f"{len(self.hub.commits):040x}"
        url = f"{self.hub.address}/{name}/commit/{oid}"
        self.answer({"success": True, "commitOid": oid, "commitUrl": url, "hookOutput": ""})


@contextmanager
def hub():
    """A Hub on a free port of this machine."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.hub = Hub(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server.hub
    finally:
        server.shutdown()
        server.server_close()
