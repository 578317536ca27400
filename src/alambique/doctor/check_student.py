"""Whether the student can learn: one forward and backward of a copy, and a gradient in every layer."""

import copy
import re
from collections import defaultdict

import torch
from torch import Tensor
from transformers import PreTrainedModel

from alambique.doctor.batches import LABELS, logits_of
from alambique.doctor.codes import Code
from alambique.doctor.setup import Setup
from alambique.findings import Finding

CANNOT_MOVE = Code(
    "student-cannot-move",
    "a layer of the student, or all of it, gets no gradient; its parameters are named",
    "Call student.requires_grad_(True); look for detach() or no_grad in its forward, and for weights that are all zero.",
)
NAN = Code(
    "student-nan",
    "the student's logits or gradients are NaN or infinite",
    "Its weights are broken: build or load it again, in float32.",
)

_NUMBERED = re.compile(r"(.*?\.\d+)\.")
_TRIES = 2  # a head that begins at zero passes no gradient on until it has moved
_STEP = 0.1
_SHOWN = 3


def check(setup: Setup) -> list[Finding]:
    """Name the layers of the student that get no gradient. The caller's model is not touched.

    The student has as many classes as the data, and an embedding for each of their tokens.
    """
    rows = setup.student_rows
    twin = copy.deepcopy(setup.student).train()
    twin.zero_grad(set_to_none=True)
    layers: dict[str, list[str]] = defaultdict(list)
    for name, _ in twin.named_parameters():
        layers[_layer_of(name, twin.base_model_prefix)].append(name)
    batch = setup.student_reader.batch(rows)
    # for a gradient, any class will do in a row without a label
    labels = torch.tensor([row[LABELS] for row in rows], device=twin.device).clamp(min=0)
    moved: set[str] = set()
    for _ in range(_TRIES):
        logits = logits_of(twin, batch)
        if not bool(torch.isfinite(logits).all()):
            return [NAN.finding("student", "The student's logits are NaN or infinite.")]
        if not logits.requires_grad:
            break
        setup.task.hard_loss(logits, labels).mean().backward()
        gradients = {name: weight.grad for name, weight in twin.named_parameters() if weight.grad is not None}
        broken = [name for name, gradient in gradients.items() if not bool(torch.isfinite(gradient).all())]
        if broken:
            message = f"{len(broken)} gradients of the student are NaN or infinite, such as that of {broken[0]}."
            return [NAN.finding("student", message)]
        moved |= {name for name, gradient in gradients.items() if bool(gradient.any())}
        if all(moved.intersection(names) for names in layers.values()):
            return []
        _descend(twin, gradients)
    stuck = {layer: names for layer, names in layers.items() if not moved.intersection(names)}
    return [_stuck(twin, stuck, whole=len(stuck) == len(layers))]


def _stuck(twin: PreTrainedModel, layers: dict[str, list[str]], *, whole: bool) -> Finding:
    names = [name for of_layer in layers.values() for name in of_layer]
    frozen = sum(name in names and not weight.requires_grad for name, weight in twin.named_parameters())
    reason = f"{frozen} have requires_grad=False" if frozen else "none has a gradient other than zero"
    which = f"Of {len(names)} parameters ({', '.join(names[:_SHOWN])}{', …' if len(names) > _SHOWN else ''}) {reason}."
    if whole:
        return CANNOT_MOVE.finding("student", f"No layer of the student gets a gradient. {which}", count=len(names))
    where = ", ".join(f"student.{layer}" for layer in layers)
    return CANNOT_MOVE.finding(where, f"Layers that get no gradient: {', '.join(layers)}. {which}", count=len(names))


def _descend(model: PreTrainedModel, gradients: dict[str, Tensor]) -> None:
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if name in gradients:
                weight.sub_(gradients[name], alpha=_STEP)
    model.zero_grad(set_to_none=True)


def _layer_of(name: str, prefix: str) -> str:
    """Name the layer of a parameter, such as ``distilbert.transformer.layer.0``.

    A parameter outside numbered layers belongs to the module below the base model, or to the head.
    """
    numbered = _NUMBERED.match(name)
    if numbered:
        return numbered[1]
    return ".".join(name.split(".")[: 2 if name.startswith(f"{prefix}.") else 1])
