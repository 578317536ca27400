"""What the tests of the web export share: a static host, packages to hand, and a browser that reaches nothing else."""

import base64
import hashlib
import io
import tarfile
import threading
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

from alambique.export.web.npm import Package, cache_folder

CLOSED = ("--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1", "--proxy-server=direct://")


class Quiet(SimpleHTTPRequestHandler):
    """As ``python -m http.server``, without its lines."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass


@contextmanager
def hosted(folder):
    """Serve a folder from this machine; gives its address."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    server.server_close()


def tarball(path, files):
    """Write a package as the registry has them; gives its integrity."""
    with tarfile.open(path, "w:gz") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return "sha512-" + base64.b64encode(hashlib.sha512(path.read_bytes()).digest()).decode()


def small_library(library):
    """The same files of the same packages, a few bytes each, in the cache."""
    cache_folder().mkdir(parents=True)
    made = {}
    for package, names in library.items():
        content = {f"package/{name}": f"{package.name} {name}".encode() for name in names}
        sum_ = tarball(cache_folder() / package.tarball, content)
        made[Package(package.name, package.version, sum_, package.licence)] = names
    return made
