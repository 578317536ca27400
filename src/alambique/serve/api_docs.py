"""/docs: the OpenAPI document as a page. FastAPI's own page takes its scripts from a CDN; this one needs none."""

import json
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined


def docs_page(document: dict[str, Any]) -> str:
    """HTML of an OpenAPI document.

    Args:
        document: as ``FastAPI.openapi()`` gives it.
    """
    pages = Environment(
        loader=PackageLoader("alambique", "serve"), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    pages.filters["pretty"] = lambda value: json.dumps(value, indent=2, ensure_ascii=False)
    operations = [
        {"method": method.upper(), "path": path, "body": None, **operation}
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]
    for operation in operations:
        body = operation.get("requestBody") or {}
        operation["body"] = (body.get("content") or {}).get("application/json")
    return pages.get_template("docs.html.jinja").render(info=document["info"], operations=operations)
