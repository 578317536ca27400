"""A classifier with some of another's layers, of any architecture whose config gives the number of its layers.

Which modules are layers is not looked up by name: the model is drawn up twice without weights, as deep as it is and as deep
as it will be, and the lists of modules whose lengths differ are its layers.
"""

from collections.abc import Callable
from typing import Any, cast

import torch
from torch import nn
from transformers import AutoModelForSequenceClassification, PreTrainedConfig, PreTrainedModel

from alambique.errors import ModelError, first_line

_DEPTH = "num_hidden_layers"
# what a layer may call its place; BigBird calls it a seed
_PLACES = frozenset({"layer_idx", "layer_id", "layer_index", "layer_number", "seed"})


def depth_of(config: PreTrainedConfig) -> int:
    """How many layers a classifier has.

    Raises:
        ModelError: layers cannot be left out of its architecture: it has two stacks, or no number of layers of its own.
    """
    if config.is_encoder_decoder:
        raise _cannot(config, "it has the layers of an encoder and of a decoder")
    if config.get_text_config() is not config:
        raise _cannot(config, "its layers are described by a config within its config")
    if _depth_key(config) not in config.to_dict():
        raise _cannot(config, "its config does not give a number of layers")
    return int(getattr(config, _DEPTH))


def config_with_layers(config: PreTrainedConfig, chosen: list[int], changes: dict[str, Any]) -> PreTrainedConfig:
    """The config of a model that has only the layers ``chosen``, each of the kind that it was.

    What a config lists by layer, such as ModernBERT's ``layer_types``, follows the layers.

    Args:
        config: of the deeper model; it is not changed.
        chosen: layer numbers in ascending order.
        changes: further entries.

    Raises:
        ModelError: the architecture's config refuses them.
    """
    whole = config.to_dict()
    depth = depth_of(config)
    lists = {
        name: [value[layer] for layer in chosen]
        for name, value in whole.items()
        if isinstance(value, (list, tuple)) and len(value) == depth and ("layer" in name or name == "attention_window")
    }
    try:
        made = type(config).from_dict(whole | lists | {_depth_key(config): len(chosen)} | changes)
        return type(config).from_dict(made.to_dict())  # as it will be read from a file
    except Exception as error:  # each architecture checks its config in its own way
        raise _cannot(config, f"its config refuses the layers {_named(chosen)} ({first_line(error)})") from error


def layer_stacks(config: PreTrainedConfig, chosen: list[int]) -> tuple[str, ...]:
    """The names of the lists of modules that hold a classifier's layers; takes no weights, and little time.

    Raises:
        ModelError: the layers ``chosen`` would not be what they were: they share weights, or a layer's kind depends on
            its place.
    """
    if len(chosen) == depth_of(config):
        chosen = chosen[:-1]  # what is a layer shows where one is left out
    if not chosen:
        return ()
    deep, shallow = _drawn_up(config), _drawn_up(config_with_layers(config, chosen, {}))
    stacks = _lists_of_other_lengths(deep, shallow)
    if not stacks:
        raise _cannot(config, "its layers share their weights, so none can be left out")
    rename = renumbered(stacks, chosen)
    for stack in stacks:
        if len(_list(deep, stack)) != depth_of(config) or len(_list(shallow, stack)) != len(chosen):
            raise _cannot(config, f"{stack} does not have an entry for each layer")
        for place, layer in enumerate(chosen):
            _check_kind(config, _list(deep, stack)[layer], _list(shallow, stack)[place], layer, place)
    shapes = {new: weight.shape for name, weight in deep.state_dict().items() if (new := rename(name)) is not None}
    wanted = {name: weight.shape for name, weight in shallow.state_dict().items()}
    differing = sorted(name for name in shapes.keys() | wanted if shapes.get(name) != wanted.get(name))
    if differing:
        raise _cannot(config, f"{differing[0]} depends on the number of layers")
    return stacks


def renumbered(stacks: tuple[str, ...], chosen: list[int]) -> Callable[[str], str | None]:
    """What the weight of a deeper model is called in the shallower one; None for one of a layer that is left out."""
    places = {layer: place for place, layer in enumerate(chosen)}

    def rename(name: str) -> str | None:
        for stack in stacks:
            if name.startswith(f"{stack}."):
                layer, _, inner = name.removeprefix(f"{stack}.").partition(".")
                return f"{stack}.{places[int(layer)]}.{inner}" if int(layer) in places else None
        return name

    return rename


def with_layers(model: PreTrainedModel, chosen: list[int], changes: dict[str, Any]) -> PreTrainedModel:
    """A model of the same class with the layers ``chosen`` and all weights beside them: embeddings, pooler, head.

    Args:
        model: the deeper one; it is not changed, and shares no memory with the other.
        chosen: layer numbers in ascending order.
        changes: further entries of its config.

    Raises:
        ModelError: see :func:`layer_stacks`.
    """
    rename = renumbered(layer_stacks(model.config, chosen), chosen)
    shallow = type(model)(config_with_layers(model.config, chosen, changes))
    shallow.load_state_dict(
        {new: weight for name, weight in model.state_dict().items() if (new := rename(name)) is not None}
    )
    return shallow


def _drawn_up(config: PreTrainedConfig) -> PreTrainedModel:
    try:
        with torch.device("meta"):
            return cast("PreTrainedModel", AutoModelForSequenceClassification.from_config(config))
    except Exception as error:  # an architecture that computes with its weights while it is made
        raise _cannot(config, f"it cannot be made without weights ({first_line(error)})") from error


def _lists_of_other_lengths(deep: nn.Module, shallow: nn.Module) -> tuple[str, ...]:
    """The outermost lists of modules whose length is another in a model of another depth."""
    lengths = {name: len(module) for name, module in shallow.named_modules() if isinstance(module, nn.ModuleList)}
    names: list[str] = []
    for name, module in deep.named_modules():
        inside = any(name.startswith(f"{outer}.") for outer in names)
        if isinstance(module, nn.ModuleList) and not inside and lengths.get(name) != len(module):
            names.append(name)
    return tuple(names)


def _list(model: nn.Module, name: str) -> nn.ModuleList:
    return cast("nn.ModuleList", model.get_submodule(name))


def _check_kind(config: PreTrainedConfig, before: nn.Module, after: nn.Module, layer: int, place: int) -> None:
    """Compare two layers' modules and their settings, such as the reach of their attention."""
    old, new = _settings(before), _settings(after)
    differing = sorted(name for name in old.keys() | new if old.get(name) != new.get(name))
    if differing:
        reason = f"its layer {layer} would not stay as it is: as layer {place} it has another {differing[0]}"
        raise _cannot(config, reason, "Choose other layers, or give")


def _settings(layer: nn.Module) -> dict[str, Any]:
    settings: dict[str, Any] = {}
    for name, module in layer.named_modules():
        settings[name or "the class"] = type(module)
        for key, value in vars(module).items():
            if not key.startswith("_") and key not in _PLACES and isinstance(value, (bool, int, float, str, tuple)):
                settings[f"{name}.{key}".removeprefix(".")] = value
    return settings


def _depth_key(config: PreTrainedConfig) -> str:
    return str(config.attribute_map.get(_DEPTH, _DEPTH))


def _named(chosen: list[int]) -> str:
    return ", ".join(map(str, chosen))


def _cannot(config: PreTrainedConfig, reason: str, advice: str = "Give") -> ModelError:
    return ModelError(
        f"student.from_teacher cannot take layers from this {config.model_type} teacher: {reason}. {advice} student.model "
        "or student.from_scratch instead."
    )
