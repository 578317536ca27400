"""Class names in a model's config."""

import math
import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, cast

import torch
from torch import nn
from transformers import PreTrainedModel

from alambique.errors import ModelError

if TYPE_CHECKING:
    from transformers import PreTrainedConfig

SINGLE_LABEL = "single_label_classification"  # problem_type of a config, by Transformers
_WHOLE = re.compile(r"-?\d+\.0+")  # a whole number that a table wrote with a point


def label_config(label_names: tuple[str, ...], problem_type: str = SINGLE_LABEL) -> dict[str, Any]:
    """The label entries of a classifier's config."""
    return {
        "num_labels": len(label_names),
        "id2label": dict(enumerate(label_names)),
        "label2id": {name: i for i, name in enumerate(label_names)},
        "problem_type": problem_type,
    }


def label_names_of(model: nn.Module) -> list[str]:
    """The names of a classifier's classes, by index, as text: some configs hold numbers."""
    names = {int(i): str(name) for i, name in (cast("PreTrainedConfig", model.config).id2label or {}).items()}
    return [names[i] for i in range(len(names))]


def plain_names(config: "PreTrainedConfig", *, key: str) -> None:
    """Make the names in a config text, which others have left as numbers.

    Args:
        config: changed in place.
        key: of the recipe, and the folder, for messages.

    Raises:
        ModelError: the classes are not numbered from 0 on.
    """
    names = {int(i): str(name) for i, name in (config.id2label or {}).items()}
    if sorted(names) != list(range(len(names))):
        raise ModelError(
            f"{key}: id2label of its config.json numbers its classes {', '.join(map(str, sorted(names)[:8]))}; "
            "they must be numbered from 0 on, in the order of the logits."
        )
    config.id2label = names
    config.label2id = {name: i for i, name in names.items()}


def match_labels(own: list[str], wanted: tuple[str, ...]) -> list[int]:
    """For each of the data's labels, by name, the index the teacher gives it.

    Names that are the same count first. Else case, spaces, hyphens and underscores do not matter, ``1.0`` is ``1``, and
    names like LABEL_3 stand for the data's integer label 3, provided that no two names of one side become the same.

    Raises:
        ModelError: the names are not the same set, or could be matched in more than one way.
    """
    places = {name: i for i, name in enumerate(own)}
    if len(places) == len(own) and places.keys() == set(wanted):
        return [places[name] for name in wanted]
    twins = _twins(own) or _twins(wanted)
    if twins:
        raise ModelError(
            f"teacher.model: the teacher's labels are {', '.join(own)}, the data's {', '.join(wanted)}: "
            f"{' and '.join(twins)} differ at most by case, spaces, hyphens or underscores, so they cannot be matched by "
            "name. Write the data's names into id2label of the teacher's config.json."
        )
    places = {_plain(name): i for name, i in places.items()}
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


def _twins(names: Iterable[str]) -> list[str]:
    """The first names that cannot be told apart once they are folded; empty if all can."""
    folded: dict[str, list[str]] = {}
    for name in dict.fromkeys(names):
        folded.setdefault(_plain(name), []).append(name)
    return next((same for same in folded.values() if len(same) > 1), [])


def reorder_labels(model: PreTrainedModel, label_names: tuple[str, ...], problem_type: str = SINGLE_LABEL) -> None:
    """Permute the last layer of a classifier so that its classes come in the data's order.

    Args:
        model: changed in place.
        label_names: in that order.
        problem_type: what its head is for, which is written into its config.

    Raises:
        ModelError: the labels differ, or the model has no linear last layer that can be permuted.
    """
    order = match_labels(label_names_of(model), label_names)
    config = model.config.to_dict()
    end, size = config.get("eos_token_id"), config.get("vocab_size") or math.inf  # BART pools at the end
    words = [
        *range(3, 9),
        end if isinstance(end, int) and end < size else 9,
    ]  # a default may lie beyond a small vocabulary
    ids = {"input_ids": torch.tensor([words])}
    with torch.no_grad():
        model.eval()
        before = model(**ids).logits
        heads = [m for m in model.modules() if isinstance(m, nn.Linear) and m.out_features == len(order)]
        for head in heads[-1:]:
            head.weight.copy_(head.weight[order].clone())
            if head.bias is not None:
                head.bias.copy_(head.bias[order].clone())
        after = model(**ids).logits
    # the order of the rows of a matrix changes how its products are summed, so the last bits may differ
    if not torch.allclose(before[:, order].float(), after.float(), rtol=1e-3, atol=1e-4):
        raise ModelError(f"teacher.model: the classes of a {type(model).__name__} cannot be put into the data's order. "
                         "Name them in that order with data.label_order.")  # fmt: skip
    model.config.update(label_config(label_names, problem_type))


def _plain(name: str) -> str:
    plain = name.casefold().replace("_", "-").replace(" ", "-")
    if _WHOLE.fullmatch(plain):
        plain = plain.partition(".")[0]
    return plain.removeprefix("label-") if plain.removeprefix("label-").isdigit() else plain
