"""What OpenAPI says of /predict: the same bounds and names as the code."""

from typing import Any

from alambique.serve.limits import Limits
from alambique.serve.ranking import FUNCTIONS
from alambique.serve.requests import STUDENT, TEACHER

PROBLEMS = {
    400: "The body is not JSON.",
    408: "The body did not come in time.",
    413: "The body is too large.",
    415: "The body is not application/json.",
    422: "A text or key is not what is taken; `detail` says which.",
    503: "Busy, or stopping. `Retry-After` says in how many seconds to try again.",
}


def operation(limits: Limits, *, pairs: bool, labels: tuple[str, ...], several: bool = False) -> dict[str, Any]:
    """Request body and answers of /predict, as FastAPI's ``openapi_extra`` takes them.

    Args:
        limits: on texts.
        pairs: whether the model reads pairs.
        labels: of the model.
        several: whether a text has any number of them.
    """
    one, input_ = _text(limits, pairs=pairs), _input(limits, pairs=pairs)
    example: Any = ["a first text", "a second text"] if pairs else "a text to classify"
    options = {
        "model": {"enum": [STUDENT, TEACHER], "default": STUDENT},
        "calibrated": {
            "type": "boolean", "default": False, "description": "Divide the logits by the temperature fitted on valid.",
        },
    }  # fmt: skip
    bodies = {"text": one, "texts": _many(one, limits), "inputs": {"anyOf": [input_, _many(input_, limits)]}}
    body = {
        "oneOf": [
            {
                "type": "object",
                "required": [name],
                "properties": {name: value, **options, **({"parameters": _PARAMETERS} if name == "inputs" else {})},
                "additionalProperties": False,
            }
            for name, value in bodies.items()
        ]
    }
    answer, ranked = _label_set(labels) if several else _answer(labels), _ranked(labels)
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
                        "inputs": {
                            "summary": "As Hugging Face's endpoints take it, and answered as they do",
                            "value": {"inputs": [example, example], "parameters": {"top_k": 1}},
                        },
                    },
                }
            },
        },
        "responses": {
            "200": {
                "description": "One prediction for `text`, a list of them for `texts`; for `inputs` the labels with "
                "their scores, the best first: a list, or a list of such lists. The header `Server-Timing` has the "
                "milliseconds in the queue and in the model.",
                "content": {"application/json": {"schema": {"oneOf": [answer, answers, ranked, _array(ranked)]}}},
            },
            **{
                str(status): {"description": text, "content": {"application/json": {"schema": detail}}}
                for status, text in PROBLEMS.items()
            },
        },
    }


_PARAMETERS = {
    "type": ["object", "null"],
    "properties": {
        "top_k": {"type": ["integer", "null"], "minimum": 1, "description": "Labels per text; all by default."},
        "function_to_apply": {
            "enum": [*FUNCTIONS, None],
            "description": "From logits to scores; by default the probabilities of the model.",
        },
    },
    "additionalProperties": False,
}


def _array(items: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": items}


def _many(text: dict[str, Any], limits: Limits) -> dict[str, Any]:
    return {**_array(text), "minItems": 1, "maxItems": limits.texts}


def _input(limits: Limits, *, pairs: bool) -> dict[str, Any]:
    segment = {"type": "string", "maxLength": limits.characters}
    if not pairs:
        return segment
    both = {
        "type": "object", "required": ["text", "text_pair"], "properties": {"text": segment, "text_pair": segment},
        "additionalProperties": False,
    }  # fmt: skip
    return {"oneOf": [both, *_text(limits, pairs=True)["oneOf"]]}


def _text(limits: Limits, *, pairs: bool) -> dict[str, Any]:
    segment = {"type": "string", "maxLength": limits.characters}
    if not pairs:
        return segment
    both = {"type": "array", "items": segment, "minItems": 2, "maxItems": 2}
    return {"oneOf": [both, {**segment, "description": "A tab parts the two."}]}


def _ranked(labels: tuple[str, ...]) -> dict[str, Any]:
    return _array(
        {
            "type": "object",
            "required": ["label", "score"],
            "properties": {"label": {"enum": list(labels)}, "score": {"type": "number"}},
        }
    )


def _label_set(labels: tuple[str, ...]) -> dict[str, Any]:
    probability = {"type": "number", "minimum": 0, "maximum": 1}
    return {
        "type": "object",
        "required": ["labels", "scores"],
        "properties": {
            "labels": {
                **_array({"enum": list(labels)}),
                "description": "Those whose probability reaches their threshold, the most probable first.",
            },
            "scores": {"type": "object", "properties": dict.fromkeys(labels, probability), "required": list(labels)},
        },
    }


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
