"""The files of the pages that let a visitor try a model: what the service's and the exported page share, and their own."""

from importlib.resources import files

SERVE_FILES = ("index.html", "style.css", "bars.js", "serve.js")
WEB_FILES = ("web.html", "style.css", "bars.js", "cut.js", "decide.js", "student.js", "web.js")
_TYPES = {"html": "text/html; charset=utf-8", "css": "text/css; charset=utf-8", "js": "text/javascript; charset=utf-8"}


def read(name: str) -> bytes:
    """The content of one of these files."""
    return (files(__name__) / name).read_bytes()


def media_type(name: str) -> str:
    """Its Content-Type."""
    return _TYPES[name.rpartition(".")[2]]
