"""The service: /predict, /healthz, /openapi.json, /docs, and the page to try it."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import numpy as np
from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, JSONResponse, Response
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

import alambique
from alambique.errors import AlambiqueError
from alambique.frontend import SERVE_FILES, media_type, read
from alambique.inference.classifier import Classifier
from alambique.serve.api_docs import docs_page
from alambique.serve.batching import Batcher, SoloModel
from alambique.serve.limits import Limits, RequestProblem
from alambique.serve.requests import STUDENT, TEACHER, Asked, BodyReader, parse
from alambique.serve.schema import operation

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}


class SecurityHeaders:
    """Adds :data:`HEADERS` to every answer, errors too."""

    def __init__(self, app: ASGIApp) -> None:
        """Around ``app``."""
        self.app = app
        self.headers = [(name.lower().encode(), value.encode()) for name, value in HEADERS.items()]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One connection's request."""

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *self.headers]
            await send(message)

        await self.app(scope, receive, with_headers if scope["type"] == "http" else send)


def build_app(
    student: Classifier,
    open_teacher: Callable[[], Classifier] | None = None,
    limits: Limits | None = None,
    *,
    workers: int = 1,
    alone: SoloModel | None = None,
) -> ASGIApp:
    """The service of one student.

    Args:
        student: ready to answer.
        open_teacher: opens the teacher when it is first asked for; None: there is none.
        limits: on requests.
        workers: threads that run the student at the same time.
        alone: the student with all cores.
    """
    limits = limits or Limits()
    batchers = {STUDENT: Batcher(lambda: student, capacity=limits.waiting, workers=workers, alone=alone)}
    if open_teacher is not None:
        batchers[TEACHER] = Batcher(open_teacher, capacity=limits.waiting)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        for batcher in batchers.values():
            await asyncio.to_thread(batcher.close)

    app = FastAPI(
        title="Alambique", version=alambique.__version__, docs_url=None, redoc_url=None, lifespan=lifespan,
        description="A distilled text classifier.",
    )  # fmt: skip
    app.add_exception_handler(RequestProblem, _problem_response)
    app.add_exception_handler(Exception, _problem_response)  # it is logged with its traceback nevertheless
    predict = _add_predict(app, student, batchers, limits)
    _add_pages(app, _health(student, limits, teacher=open_teacher is not None))
    return SecurityHeaders(PredictRoute(app, predict))


def _add_predict(
    app: FastAPI, student: Classifier, batchers: dict[str, Batcher], limits: Limits
) -> Callable[[Request], Awaitable[Response]]:
    reader = BodyReader(limits)
    extra = operation(limits, pairs=student.pairs, labels=student.label_names, several=student.task.several)

    @app.post("/predict", summary="Classify one text or many", openapi_extra=extra, response_class=JSONResponse)
    async def predict(request: Request) -> Response:
        asked = parse(await reader.read(request.headers, request.stream()), limits, pairs=student.pairs)
        if asked.model not in batchers:
            raise RequestProblem(
                422, "This service has no teacher: the run has none, or it was started with --no-teacher."
            )
        batcher = batchers[asked.model]
        try:
            batched = await batcher.submit(asked.segments)
        except AlambiqueError as error:
            raise RequestProblem(500, f"The {asked.model} cannot be used; the service's log says why.") from error
        model = batcher.classifier or student
        timing = f"queue;dur={1000 * batched.waited:.3f}, model;dur={1000 * batched.ran:.3f}"
        return _json(_answer(asked, model, batched.logits), {"Server-Timing": timing})

    return predict


def _answer(asked: Asked, model: Classifier, logits: np.ndarray) -> Any:
    if asked.ranking is not None:
        ranked = asked.ranking.answers(model, logits, calibrated=asked.calibrated)
        return ranked if asked.many else ranked[0]
    answers = model.answers(logits, calibrated=asked.calibrated)
    return {"predictions": answers} if asked.many else answers[0]


class PredictRoute:
    """Answers /predict before the framework looks for who does.

    What FastAPI does around a function that wants only the request takes a tenth of a small student's time. Its route
    is what /openapi.json tells of.
    """

    def __init__(self, app: ASGIApp, predict: Callable[[Request], Awaitable[Response]]) -> None:
        """Before ``app``."""
        self.app, self.predict = app, predict

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One connection's request."""
        if scope["type"] != "http" or scope["path"] != "/predict" or scope["method"] != "POST":
            await self.app(scope, receive, send)
            return
        request = Request(scope, receive)
        try:
            response = await self.predict(request)
        except RequestProblem as problem:
            response = await _problem_response(request, problem)
        except ClientDisconnect:  # nobody waits for an answer
            return
        except Exception as error:
            await (await _problem_response(request, error))(scope, receive, send)
            raise  # the server logs it
        await response(scope, receive, send)


def _add_pages(app: FastAPI, health: dict[str, Any]) -> None:
    @app.get("/healthz", summary="What is served, and within which bounds", response_class=JSONResponse)
    async def healthz() -> Response:
        return _json(health)

    @app.get("/docs", include_in_schema=False)
    async def docs() -> Response:
        return HTMLResponse(docs_page(app.openapi()))

    for name in SERVE_FILES:
        _add_file(app, "/" if name == "index.html" else f"/{name}", read(name), media_type(name))


def _add_file(app: FastAPI, path: str, content: bytes, kind: str) -> None:
    @app.get(path, include_in_schema=False)
    async def file() -> Response:
        return Response(content, media_type=kind)


def _health(student: Classifier, limits: Limits, *, teacher: bool) -> dict[str, Any]:
    return {
        "status": "ok",
        "version": alambique.__version__,
        "model": student.backend,
        "label_names": list(student.label_names),
        "pairs": student.pairs,
        "max_length": student.max_length,
        "teacher": teacher,
        "limits": {"body_bytes": limits.body_bytes, "texts": limits.texts, "characters": limits.characters},
    }


_encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False).encode


def _json(content: Any, headers: dict[str, str] | None = None, status: int = 200) -> Response:
    return Response(_encode(content).encode(), status, headers, "application/json")


async def _problem_response(_: Request, error: Exception) -> Response:
    problem = error if isinstance(error, RequestProblem) else RequestProblem(500, "The service failed.")
    return _json({"detail": problem.message}, problem.headers, problem.status)
