"""What OpenAPI says of /predict: the same bounds and names as the code."""

from typing import Any

from alambique.serve.limits import Limits
from alambique.serve.requests import STUDENT, TEACHER

PROBLEMS = {
    400: "The body is not JSON.",
    408: "The body did not come in time.",
    413: "The body is too large.",
    415: "The body is not application/json.",
    422: "A text or key is not what is taken; `detail` says which.",
    503: "Busy, or stopping. `Retry-After` says in how many seconds to try again.",
}


def operation(limits: Limits, *, pairs: bool, labels: tuple[str, ...]) -> dict[str, Any]:
    """Request body and answers of /predict, as FastAPI's ``openapi_extra`` takes them."""
    one = _text(limits, pairs=pairs)
    example: Any = ["a first text", "a second text"] if pairs else "a text to classify"
    options = {
        "model": {"enum": [STUDENT, TEACHER], "default": STUDENT},
        "calibrated": {
            "type": "boolean", "default": False, "description": "Divide the logits by the temperature fitted on valid.",
        },
    }  # fmt: skip
    many = {"type": "array", "items": one, "minItems": 1, "maxItems": limits.texts}
    body = {
        "oneOf": [
            {
                "type": "object",
                "required": [name],
                "properties": {name: value, **options},
                "additionalProperties": False,
            }
            for name, value in (("text", one), ("texts", many))
        ]
    }
    answer = _answer(labels)
    answers = {
        "type": "object", "required": ["predictions"], "properties": {"predictions": {"type": "array", "items": answer}},
    }  # fmt: skip
    detail = {"type": "object", "required": ["detail"], "properties": {"detail": {"type": "string"}}}
    return {
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {
                    "schema": body,
                    "examples": {
                        "one": {"summary": "One text", "value": {"text": example}},
                        "many": {
                            "summary": "Many texts, answered in their order",
                            "value": {"texts": [example, example]},
                        },
                    },
                }
            },
        },
        "responses": {
            "200": {
                "description": "One prediction for `text`, a list of them for `texts`. The header `Server-Timing` has the "
                "milliseconds in the queue and in the model.",
                "content": {"application/json": {"schema": {"oneOf": [answer, answers]}}},
            },
            **{
                str(status): {"description": text, "content": {"application/json": {"schema": detail}}}
                for status, text in PROBLEMS.items()
            },
        },
    }


def _text(limits: Limits, *, pairs: bool) -> dict[str, Any]:
    segment = {"type": "string", "maxLength": limits.characters}
    if not pairs:
        return segment
    both = {"type": "array", "items": segment, "minItems": 2, "maxItems": 2}
    return {"oneOf": [both, {**segment, "description": "A tab parts the two."}]}


def _answer(labels: tuple[str, ...]) -> dict[str, Any]:
    probability = {"type": "number", "minimum": 0, "maximum": 1}
    return {
        "type": "object",
        "required": ["label", "probability", "scores"],
        "properties": {
            "label": {"enum": list(labels)},
            "probability": probability,
            "scores": {"type": "object", "properties": dict.fromkeys(labels, probability), "required": list(labels)},
        },
    }
