"""The config of a static classifier; see :mod:`alambique.models.static_model`."""

from typing import Literal

from transformers import PreTrainedConfig

from alambique.models.static_layout import MODEL_TYPE


class StaticConfig(PreTrainedConfig):
    """Shape of a static classifier, as its ``config.json`` has it.

    Attributes:
        vocab_size: V, tokens with a vector.
        hidden_size: W, numbers per vector.
        head_size: H, width of the head's hidden layer; 0: the head is one linear layer.
        dropout: of the mean vector, in training.
        n_grams: the longest runs of tokens that have a vector too, by their hash; 1: none have.
        buckets: vectors that these share.
        storage: ``float32``, as it is trained; ``int8``: each vector in whole numbers up to 127, with a step of its own.

    Example:
        >>> from alambique.models.static_config import StaticConfig
        >>> StaticConfig(vocab_size=30522, hidden_size=256).model_type
        'alambique-static'
    """

    model_type = MODEL_TYPE

    vocab_size: int = 30522
    hidden_size: int = 256
    head_size: int = 0
    dropout: float = 0.0
    n_grams: int = 1
    buckets: int = 16384
    storage: Literal["float32", "int8"] = "float32"
    initializer_range: float = 0.02
    pad_token_id: int | None = None
