"""What goes into a model, decided once: which inputs, cut where, padded how and with what.

Tokenizer and config may contradict each other, and training, the exported graph, ``predict``, the service and the browser
must all believe the same. Everything that feeds a model asks a :class:`ModelInputs`; the export stores it, and this module
needs no torch.
"""

import inspect
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Self, TypeVar, cast

import numpy as np

from alambique.artefacts.tokens import MASK, Tokens
from alambique.models.static_layout import MODEL_TYPE

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn
    from transformers import PreTrainedConfig, PreTrainedTokenizerBase

V = TypeVar("V")
IDS, TYPES = "input_ids", "token_type_ids"
SHORTEST = 2  # tokens of a batch at least: a graph is exported for so many, and a decoder reads an empty text as none
DTYPE = "int64"
# given labels, a model would compute a loss of its own
_NOT_INPUTS = frozenset({"labels", "args", "kwargs"})
# these number their positions from the padding token on
POSITIONS_AFTER_PADDING = frozenset(
    ("roberta", "xlm-roberta", "xlm-roberta-xl", "camembert", "mpnet", "longformer", "xmod", "data2vec-text", "ibert",
     "roberta-prelayernorm", "esm", "luke", "mluke", "layoutlmv3", "lilt", "markuplm")
)  # fmt: skip
_MPNET_PADDING = 1  # its positions begin after 1, whatever the config's padding token is


@dataclass(frozen=True)
class ModelInputs:
    """The inputs of one model.

    Attributes:
        names: what its forward pass, or its graph, is given by name; None for a forward pass that names nothing.
        shortest: tokens that a batch has at least.
        max_length: where texts are cut, in tokens, special tokens included; None where texts are tokenised elsewhere.
        truncation_side: the side that is cut off: ``right`` or ``left``.
        padding_side: the side that is filled up: ``right`` or ``left``.
        padding: what each input is filled up with.
        types: token types that the model knows; rows with others are given none. None: it has no table of them.
        explicit_zeros: token types are given even where they are 0 throughout: the model does not take that for granted.

    Example:
        >>> from alambique.models.inputs import ModelInputs
        >>> inputs = ModelInputs.recorded({"max_length": 128, "pad_id": 1, "inputs": ["input_ids", "attention_mask"]})
        >>> inputs.padding_side, inputs.padding["input_ids"]
        ('right', 1)
    """

    names: frozenset[str] | None
    shortest: int = SHORTEST
    max_length: int | None = None
    truncation_side: str = "right"
    padding_side: str = "right"
    padding: Mapping[str, int] | None = None
    types: int | None = None
    explicit_zeros: bool = False

    @classmethod
    def of(cls, model: "nn.Module") -> Self:
        """Those that the forward pass of a model in PyTorch names, but for labels and token types that it cannot read."""
        parameters = inspect.signature(model.forward).parameters
        config = cast("PreTrainedConfig | None", vars(model).get("config"))
        if IDS not in parameters and any(one.kind is inspect.Parameter.VAR_KEYWORD for one in parameters.values()):
            return cls(None)  # a wrapper, which passes on whatever it is given
        names = frozenset(parameters) - _NOT_INPUTS
        if config is None:
            return cls(names)
        types = token_types(config)
        return cls(
            names if types is None or types > 1 else names - {TYPES}, shortest=shortest(config),
            padding_side=padding_side(config), types=types, explicit_zeros=types is None,
        )  # fmt: skip

    @classmethod
    def of_export(
        cls, model: "nn.Module", tokenizer: "PreTrainedTokenizerBase", *, max_length: int, pairs: bool
    ) -> Self:
        """Those of an exported graph: what training gave the model.

        Args:
            model: a classifier.
            tokenizer: its own, as :func:`alambique.models.tokenizer.load_tokenizer` gives it.
            max_length: where texts are cut, in tokens.
            pairs: whether rows have two segments; of single texts, token types are 0 throughout and left out where the
                model takes that for granted.
        """
        read = cls.of(model)
        given = {MASK, *tokenizer.model_input_names} if pairs or read.explicit_zeros else {MASK, IDS}
        return replace(
            read,
            names=frozenset(given if read.names is None else given & read.names),
            max_length=max_length,
            truncation_side=tokenizer.truncation_side,
            padding={IDS: int(cast("int", tokenizer.pad_token_id)), TYPES: int(tokenizer.pad_token_type_id)},
        )

    @classmethod
    def recorded(cls, facts: Mapping[str, Any]) -> Self:
        """Those that ``export.json`` holds; earlier exports stored the length and the padding token alone."""
        stored = facts.get("model_inputs")
        if stored is None:
            return cls(frozenset(facts["inputs"]), max_length=facts["max_length"], padding={IDS: facts["pad_id"]})
        return cls(
            names=frozenset(stored["names"]), shortest=stored["shortest"], max_length=stored["max_length"],
            truncation_side=stored["truncation_side"], padding_side=stored["padding_side"], padding=stored["padding"],
            explicit_zeros=TYPES in stored["names"],
        )  # fmt: skip

    def as_dict(self) -> dict[str, Any]:
        """Plain values for ``export.json``, which the page of the web export reads too."""
        return {
            "names": sorted(self.names or ()), "shortest": self.shortest, "max_length": self.max_length,
            "truncation_side": self.truncation_side, "padding_side": self.padding_side,
            "padding": {name: value for name, value in (self.padding or {}).items() if name in (self.names or ())},
            "dtype": DTYPE,
        }  # fmt: skip

    @property
    def column_names(self) -> frozenset[str]:
        """The columns of a data set that the model may read."""
        return frozenset((IDS, MASK, TYPES)) if self.names is None else self.names

    def select(self, batch: Mapping[str, V]) -> dict[str, V]:
        """The part of a batch that the model reads."""
        return {
            name: values
            for name, values in batch.items()
            if (name in self.names if self.names is not None else name not in _NOT_INPUTS)
        }

    def arrays(self, tokens: Tokens, rows: np.ndarray) -> dict[str, np.ndarray]:
        """A batch of these rows, padded to the longest of them: (B, T) int64 each."""
        names: Collection[str] = (*tokens.columns, *tokens.zeros, MASK) if self.names is None else self.names
        if self.types is not None and tokens.largest.get(TYPES, 0) >= self.types:
            names = [name for name in names if name != TYPES]
        left = self.padding_side == "left"
        return tokens.batch(rows, names, shortest=self.shortest, left=left, zeros=self.explicit_zeros)

    def batches(
        self, tokens: Tokens, size: int, *, most_tokens: int | None = None
    ) -> Iterator[tuple[np.ndarray, dict[str, np.ndarray]]]:
        """All rows in batches of similar length: their numbers and their arrays, from the longest row to the shortest.

        Args:
            tokens: of the rows.
            size: rows per batch, at most.
            most_tokens: tokens per batch with its padding, at most, unless a single row has more.
        """
        for rows in tokens.batches(size, most_tokens=most_tokens, shortest=self.shortest):
            yield rows, self.arrays(tokens, rows)

    def tensors(self, tokens: Tokens, rows: np.ndarray, device: "torch.device | str" = "cpu") -> "dict[str, Tensor]":
        """A batch as tensors on a device."""
        import torch  # noqa: PLC0415 - ONNX models need none

        return {name: torch.from_numpy(values).to(device) for name, values in self.arrays(tokens, rows).items()}


def token_types(config: "PreTrainedConfig") -> int | None:
    """How many token types a model knows: RoBERTa 1, DeBERTa 0; None if it has no table of them (XLNet, GPT-2).

    Where there is one type or none, token types say nothing, and are not given.
    """
    size = config.to_dict().get("type_vocab_size")
    return size if isinstance(size, int) else None


def padding_side(config: "PreTrainedConfig") -> str:
    """The side at which rows are filled up, whatever the tokenizer says.

    Padding behind a text changes nothing in a model with an attention mask, nor in a decoder, which pools at the last token
    that is not padding; before a text it would move the positions of all words. A model that pools at the last position
    whatever it holds (XLNet) needs it before.
    """
    return "left" if config.to_dict().get("summary_type") == "last" else "right"


def shortest(config: "PreTrainedConfig") -> int:
    """Tokens that a batch needs: Funnel halves a sequence between its blocks, CANINE takes so many characters for one.

    Both fail where nothing is left, as does a static student that looks for runs of more tokens than there are.
    """
    stated = config.to_dict()
    blocks, rate = stated.get("block_sizes"), stated.get("downsampling_rate")
    halved = 2 ** (len(blocks) - 1) + 1 if isinstance(blocks, list | tuple) and len(blocks) > 1 else 0
    runs = stated.get("n_grams") if config.model_type == MODEL_TYPE else 0
    return max(SHORTEST, halved, *(each for each in (rate, runs) if isinstance(each, int)))


def greatest_length(config: "PreTrainedConfig") -> int | None:
    """Tokens that a model has positions for; None where its positions are relative or it names no limit."""
    stated = config.to_dict()
    positions = config.max_position_embeddings if "max_position_embeddings" in _names_of(config) else None
    if not isinstance(positions, int) or positions < 1 or stated.get("position_biased_input") is False:
        return None
    if config.model_type not in POSITIONS_AFTER_PADDING:
        return positions
    padding = _MPNET_PADDING if config.model_type == "mpnet" else stated.get("pad_token_id") or 0
    return positions - padding - 1


def _names_of(config: "PreTrainedConfig") -> set[str]:
    """What a config can be asked for: its own keys, and the usual names for them."""
    return {*config.to_dict(), *config.attribute_map}
