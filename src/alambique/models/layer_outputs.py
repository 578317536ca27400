"""What the layers of a classifier compute, read in a forward pass at the real tokens alone, whatever its architecture.

Hooks on a model's own modules read it, so attention may be computed by ``sdpa``, and a model whose speed-ups leave out
padding is read as it is. Values are packed: (N, W) for the N real tokens of a batch, row after row.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Literal, cast

import torch
from torch import Tensor, nn
from torch.nn.functional import linear
from transformers import PreTrainedModel
from transformers.pytorch_utils import Conv1D

from alambique.artefacts.tokens import MASK
from alambique.models.inputs import IDS
from alambique.models.speedups.cls_last_layer import computes_first_token, projects_its_input

Kind = Literal["hidden", "relations"]
# what attention's linear modules are called: queries, keys and values apart, or in thirds of a single one
_APART = (
    ("query", "key", "value"), ("q_lin", "k_lin", "v_lin"), ("query_proj", "key_proj", "value_proj"),
    ("q_proj", "k_proj", "v_proj"), ("q", "k", "v"),
)  # fmt: skip
_FUSED = ("Wqkv", "c_attn")
_TOKENS_BEFORE_ROWS = frozenset({"xlnet"})


class LayerReader:
    """Reads chosen layers of one model.

    Attributes:
        widths: of each value that is read of a forward pass, in order: of a layer's output, or of its queries, keys and
            values.
        reads_last: the last layer must compute all tokens, since more than the first is read of it.

    Example:
        >>> import torch
        >>> from transformers import DistilBertConfig, DistilBertForSequenceClassification
        >>> from alambique.models.layer_outputs import LayerReader
        >>> config = DistilBertConfig(vocab_size=30, dim=8, hidden_dim=8, n_layers=2, n_heads=1)
        >>> model = DistilBertForSequenceClassification(config).eval()
        >>> reader = LayerReader(model, "hidden", [0, 1])
        >>> ids = torch.tensor([[2, 5, 3], [2, 3, 0]])
        >>> with reader.reading():
        ...     _ = model(input_ids=ids, attention_mask=(ids > 0).long())
        ...     [tuple(values.shape) for values in reader.take()]
        [(5, 8), (5, 8)]
    """

    def __init__(self, model: PreTrainedModel, kind: Kind, layers: Sequence[int], *, first_only: bool = False) -> None:
        """Find the modules; nothing is hooked yet.

        Args:
            model: a classifier.
            kind: ``hidden``, the layers' outputs; ``relations``, the queries, keys and values of their attention.
            layers: layer numbers, from 0.
            first_only: read the first token of each row alone.

        Raises:
            ValueError: the model's layers cannot be read so, or there is no layer of such a number.
        """
        self.model, self.first_only = model, first_only
        stack = layers_of(model)
        beyond = [layer for layer in layers if layer >= len(stack)]
        if beyond:
            raise ValueError(f"has layers 0 to {len(stack) - 1}, and no layer {beyond[0]}")
        last = stack[-1]
        projected = kind == "relations" and projects_its_input(last)
        self.reads_last = not first_only and len(stack) - 1 in layers and not projected
        self._projected = last if projected and len(stack) - 1 in layers else None
        self._points: list[tuple[nn.Module, int, int]] = []  # a module, which part of its output, of how many
        for layer in layers:
            self._points += [(stack[layer], 0, 1)] if kind == "hidden" else _queries_keys_values(model, stack[layer])
        # in order: in which gradients are added up must not depend on addresses
        self._modules = list(dict.fromkeys(point[0] for point in self._points))
        if kind == "hidden":
            self.widths = [int(model.config.hidden_size)] * len(layers)
        else:
            self.widths = [_width(module) // parts for module, _, parts in self._points]
        self._read: dict[nn.Module, Tensor] = {}
        self._mask: Tensor | None = None

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Hook the modules for the length of a block."""
        handles = [self.model.register_forward_pre_hook(self._begin, with_kwargs=True)]
        handles += [module.register_forward_hook(self._keep) for module in self._modules]
        if self._projected is not None and computes_first_token(self._projected):
            handles.append(self._projected.register_forward_hook(self._project, with_kwargs=True))
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()
            self._read.clear()

    def take(self) -> list[Tensor]:
        """Values of the last forward pass, once: (N, W) each, or (B, W) of the first tokens alone.

        Raises:
            ValueError: a layer's output is not one value per token.
        """
        mask, read = cast("Tensor", self._mask), dict(self._read)
        self._read.clear()
        real = mask != 0
        packed = {module: _packed(values, real, first_only=self.first_only) for module, values in read.items()}
        if len(packed) < len(self._modules):
            raise ValueError("does not compute its layers by calling them")
        return [packed[module].chunk(parts, -1)[part] for module, part, parts in self._points]

    def _begin(self, _: nn.Module, __: Any, inputs: dict[str, Any]) -> None:
        self._read.clear()
        mask = inputs.get(MASK)
        self._mask = torch.ones_like(inputs[IDS]) if mask is None else mask

    def _project(self, layer: nn.Module, given: tuple[Tensor, ...], named: dict[str, Tensor], _: Any) -> None:
        """Queries, keys and values of all tokens, of a layer that has used its modules for the first alone."""
        inputs = given[0] if given else named["hidden_states"]
        own = set(layer.modules())
        for module in [module for module in self._modules if module in own]:
            self._read[module] = linear(inputs, cast("Tensor", module.weight), cast("Tensor | None", module.bias))

    def _keep(self, module: nn.Module, _: Any, output: Any) -> None:
        # the first: DeBERTa asks the same modules again, for positions
        self._read.setdefault(module, output[0] if isinstance(output, tuple) else output)


def layers_of(model: PreTrainedModel) -> nn.ModuleList:
    """The layers of a classifier, in order.

    Raises:
        ValueError: they are not entries of a single list: it has an encoder and a decoder, or its layers share weights.
    """
    config = model.config
    if config.is_encoder_decoder:
        raise ValueError("has the layers of an encoder and of a decoder")
    if config.model_type in _TOKENS_BEFORE_ROWS:
        raise ValueError("computes tokens before rows")
    depth = getattr(config, "num_hidden_layers", None)
    stacks: dict[str, nn.ModuleList] = {}
    for name, module in model.named_modules():
        inside = any(name.startswith(f"{outer}.") for outer in stacks)
        if isinstance(module, nn.ModuleList) and len(module) == depth and not inside:
            stacks[name] = module
    if len(stacks) != 1:
        raise ValueError("does not have one list of layers")
    return next(iter(stacks.values()))


def _queries_keys_values(model: PreTrainedModel, layer: nn.Module) -> list[tuple[nn.Module, int, int]]:
    by_name: dict[str, list[nn.Module]] = {}
    for name, module in layer.named_modules():
        if isinstance(module, nn.Linear | Conv1D):
            by_name.setdefault(name.rpartition(".")[2], []).append(module)
    for names in _APART:
        if all(len(by_name.get(name, ())) == 1 for name in names):
            return [(by_name[name][0], 0, 1) for name in names]
    for name in _FUSED:
        if len(by_name.get(name, ())) == 1:
            return [(by_name[name][0], part, 3) for part in range(3)]
    raise ValueError(
        f"({model.config.model_type}) does not compute queries, keys and values in linear layers of known names"
    )


def _width(module: nn.Module) -> int:
    return int(module.nf) if isinstance(module, Conv1D) else cast("nn.Linear", module).out_features


def _packed(values: Tensor, real: Tensor, *, first_only: bool) -> Tensor:
    """A layer's output, padded (B, T, W), packed (1, N, W) or of the first tokens (B, 1, W): those that are wanted.

    Args:
        values: the output.
        real: (B, T) whether a token is real.
        first_only: (B, W) of the first real token of each row instead of (N, W) of all.
    """
    rows, width = real.shape
    if values.shape[:-1] == real.shape:
        if first_only:
            return values[torch.arange(rows, device=values.device), real.int().argmax(1)]
        return values.flatten(0, 1) if bool(real.all()) else values[real]
    if first_only and values.shape[:-1] == (rows, 1):
        return values[:, 0]
    flat, lengths = values.flatten(0, -2), real.sum(1)
    if len(flat) != int(lengths.sum()):
        raise ValueError(
            f"gives a layer's output the shape {tuple(values.shape)} for {rows} rows of {width} tokens, which is not a "
            "value per token"
        )
    return flat.index_select(0, lengths.cumsum(0) - lengths) if first_only else flat
