"""Class names in a model's config."""

from typing import TYPE_CHECKING, Any, cast

import torch
from torch import nn
from transformers import PreTrainedModel

from alambique.errors import ModelError

if TYPE_CHECKING:
    from transformers import PreTrainedConfig


def label_config(label_names: tuple[str, ...]) -> dict[str, Any]:
    """The label entries of a classifier's config."""
    return {
        "num_labels": len(label_names),
        "id2label": dict(enumerate(label_names)),
        "label2id": {name: i for i, name in enumerate(label_names)},
        "problem_type": "single_label_classification",
    }


def label_names_of(model: nn.Module) -> list[str]:
    """The names of a classifier's classes, by index."""
    names = {int(i): name for i, name in (cast("PreTrainedConfig", model.config).id2label or {}).items()}
    return [names[i] for i in range(len(names))]


def match_labels(own: list[str], wanted: tuple[str, ...]) -> list[int]:
    """For each of the data's labels, by name, the index the teacher gives it.

    Case, spaces, hyphens and underscores do not matter. Names like LABEL_3 stand for the data's integer label 3.

    Raises:
        ModelError: the names are not the same set.
    """
    places = {_plain(name): i for i, name in enumerate(own)}
    order = [places.get(_plain(name), -1) for name in wanted]
    if -1 in order or len(own) != len(wanted):
        generic = all(name.startswith("LABEL_") for name in own)
        hint = (
            "Its config names no labels; write them into id2label of its config.json, in its own order."
            if generic
            else "Map the data's names to the teacher's with data.label_groups, or set teacher.fine_tune to true."
        )
        raise ModelError(
            f"teacher.model: the teacher's labels are {', '.join(own)}, the data's {', '.join(wanted)}: they do not match "
            f"by name. {hint}"
        )
    return order


def reorder_labels(model: PreTrainedModel, label_names: tuple[str, ...]) -> None:
    """Permute the last layer of a classifier so that its classes come in the data's order.

    Raises:
        ModelError: the labels differ, or the model has no linear last layer that can be permuted.
    """
    order = match_labels(label_names_of(model), label_names)
    ids = {"input_ids": torch.arange(1, 9).unsqueeze(0)}
    with torch.no_grad():
        model.eval()
        before = model(**ids).logits
        head = [m for m in model.modules() if isinstance(m, nn.Linear) and m.out_features == len(order)][-1]
        head.weight.copy_(head.weight[order].clone())
        if head.bias is not None:
            head.bias.copy_(head.bias[order].clone())
        after = model(**ids).logits
    # the order of the rows of a matrix changes how its products are summed, so the last bits may differ
    if not torch.allclose(before[:, order].float(), after.float(), rtol=1e-3, atol=1e-4):
        raise ModelError(f"teacher.model: the classes of a {type(model).__name__} cannot be put into the data's order. "
                         "Name them in that order with data.label_order.")  # fmt: skip
    model.config.update(label_config(label_names))


def _plain(name: str) -> str:
    plain = name.casefold().replace("_", "-").replace(" ", "-")
    return plain.removeprefix("label-") if plain.removeprefix("label-").isdigit() else plain
