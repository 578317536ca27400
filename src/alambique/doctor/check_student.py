"""Whether the student can learn: one forward and backward of a copy, and a gradient in every layer."""

import copy
import re
from collections import defaultdict

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy
from transformers import PreTrainedModel

from alambique.doctor.batches import LABELS, Reader, Row, logits_of
from alambique.findings import Finding

_NUMBERED = re.compile(r"(.*?\.\d+)\.")
_TRIES = 2  # a head that begins at zero passes no gradient on until it has moved
_STEP = 0.1
_SHOWN = 3


def check_student(student: PreTrainedModel, source: Reader, rows: list[Row]) -> list[Finding]:
    """Name the layers of the student that get no gradient. The caller's model is not touched.

    Args:
        student: any mode.
        source: makes its batches.
        rows: encoded, with labels within its classes.
    """
    twin = copy.deepcopy(student).train()
    twin.zero_grad(set_to_none=True)
    layers: dict[str, list[str]] = defaultdict(list)
    for name, _ in twin.named_parameters():
        layers[_layer_of(name, twin.base_model_prefix)].append(name)
    batch = source.batch(rows)
    labels = torch.tensor([row[LABELS] for row in rows], device=twin.device)
    moved: set[str] = set()
    for _ in range(_TRIES):
        logits = logits_of(twin, batch)
        if not bool(torch.isfinite(logits).all()):
            return [_broken("The student's logits are NaN or infinite")]
        if not logits.requires_grad:
            break
        cross_entropy(logits.float(), labels).backward()
        gradients = {name: weight.grad for name, weight in twin.named_parameters() if weight.grad is not None}
        broken = [name for name, gradient in gradients.items() if not bool(torch.isfinite(gradient).all())]
        if broken:
            return [_broken(f"{len(broken)} gradients of the student are NaN or infinite, such as that of {broken[0]}")]
        moved |= {name for name, gradient in gradients.items() if bool(gradient.any())}
        if all(moved.intersection(names) for names in layers.values()):
            return []
        _descend(twin, gradients)
    stuck = {layer: names for layer, names in layers.items() if not moved.intersection(names)}
    return [_stuck(twin, stuck, whole=len(stuck) == len(layers))]


def _stuck(twin: PreTrainedModel, layers: dict[str, list[str]], *, whole: bool) -> Finding:
    names = [name for of_layer in layers.values() for name in of_layer]
    frozen = [name for name, weight in twin.named_parameters() if name in names and not weight.requires_grad]
    why = f"{len(frozen)} have requires_grad=False" if frozen else "their gradient is zero"
    what = "No layer of the student" if whole else f"{', '.join(layers)} of the student:"
    return Finding(
        "student-cannot-move", "student" if whole else ", ".join(f"student.{layer}" for layer in layers),
        f"{what} {'gets' if whole else 'these layers get no gradient;'} "
        f"{'a gradient; ' if whole else ''}of {len(names)} parameters ({_some(names)}) {why}.",
        "Call student.requires_grad_(True); look for detach() or no_grad in its forward, and for weights that are all zero.",
        len(names),
    )  # fmt: skip


def _some(names: list[str]) -> str:
    return ", ".join(names[:_SHOWN]) + (", …" if len(names) > _SHOWN else "")


def _broken(what: str) -> Finding:
    return Finding("student-nan", "student", f"{what}.", "Its weights are broken: build or load it again, in float32.")


def _descend(model: PreTrainedModel, gradients: dict[str, Tensor]) -> None:
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if name in gradients:
                weight.sub_(gradients[name], alpha=_STEP)
    model.zero_grad(set_to_none=True)


def _layer_of(name: str, prefix: str) -> str:
    """``distilbert.transformer.layer.0`` of ``distilbert.transformer.layer.0.ffn.lin1.weight``; else the module below."""
    numbered = _NUMBERED.match(name)
    if numbered:
        return numbered[1]
    return ".".join(name.split(".")[: 2 if name.startswith(f"{prefix}.") else 1])
