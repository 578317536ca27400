"""Class names in a model's config."""

from typing import TYPE_CHECKING, Any, cast

from torch import nn

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
