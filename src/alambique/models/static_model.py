r"""A static classifier: a vector per token, their mean, a small head. No attention, so a text costs microseconds.

The vectors begin as those of Model2Vec (Tulkens and van Dongen 2024, "Model2Vec: Fast State-of-the-Art Static Embeddings",
doi:10.5281/zenodo.17270888; :mod:`alambique.models.token_vectors` makes them) and are trained with the head. Runs of tokens
may have vectors too, found by a hash, as in fastText (Joulin et al. 2017, "Bag of Tricks for Efficient Text Classification",
§2.2).

.. math:: \text{logits} = \text{head}\Big(\tfrac1n \sum_t \big(E_{x_t} + \sum_{k=2}^K G_{h(x_{t-k+1}, …, x_t)}\big)\Big)
"""

from collections.abc import Callable
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import PreTrainedModel
from transformers.modeling_outputs import SequenceClassifierOutput

from alambique.models.static_config import StaticConfig
from alambique.models.static_layout import FACTOR

LARGEST = 127  # of the whole numbers of a stored vector
_TINY = 1e-12


class StaticForSequenceClassification(PreTrainedModel):
    """A static classifier as Transformers loads and saves it, also by ``AutoModelForSequenceClassification``.

    Example:
        >>> import torch
        >>> from alambique.models.static_config import StaticConfig
        >>> from alambique.models.static_model import StaticForSequenceClassification
        >>> model = StaticForSequenceClassification(StaticConfig(vocab_size=10, hidden_size=4, num_labels=3))
        >>> model(input_ids=torch.tensor([[2, 5, 3]])).logits.shape
        torch.Size([1, 3])
    """

    config_class = StaticConfig
    base_model_prefix = ""
    main_input_name = "input_ids"

    def __init__(self, config: StaticConfig) -> None:
        """Draw the weights; see :class:`StaticConfig`."""
        super().__init__(config)
        table = Int8Embedding if config.storage == "int8" else nn.Embedding
        self.embeddings: nn.Embedding | Int8Embedding = table(config.vocab_size, config.hidden_size)
        self.ngram_embeddings = table(config.buckets, config.hidden_size) if config.n_grams > 1 else None
        self.dropout = nn.Dropout(config.dropout)
        self.dense = nn.Linear(config.hidden_size, config.head_size) if config.head_size else None
        self.classifier = nn.Linear(config.head_size or config.hidden_size, int(config.num_labels or 0))
        self.post_init()

    def get_input_embeddings(self) -> nn.Module:
        """The vectors of tokens."""
        return self.embeddings

    def forward(
        self, input_ids: Tensor, attention_mask: Tensor | None = None, labels: Tensor | None = None, **_: Any
    ) -> SequenceClassifierOutput:
        """Logits of token ids: (B, T) int64 and a mask of the real ones → (B, C); with labels (B,) the loss too."""
        mask = torch.ones_like(input_ids) if attention_mask is None else attention_mask
        real = mask.to(self.classifier.weight.dtype)
        total = (self.embeddings(input_ids) * real.unsqueeze(-1)).sum(1)
        if self.ngram_embeddings is not None:
            for length in range(2, self.config.n_grams + 1):
                buckets, whole = ngram_buckets(input_ids, real, length, self.config.buckets)
                total = total + (self.ngram_embeddings(buckets) * whole.unsqueeze(-1)).sum(1)
        pooled = self.dropout(total / real.sum(1, keepdim=True).clamp(min=1.0))
        if self.dense is not None:
            pooled = self.dropout(functional.relu(self.dense(pooled)))
        logits = self.classifier(pooled)
        loss = None if labels is None else functional.cross_entropy(logits, labels)
        return SequenceClassifierOutput(loss=loss, logits=logits)

    @torch.no_grad()
    def _init_weights(self, module: nn.Module) -> None:
        if isinstance(module, nn.Linear):
            nn.init.xavier_uniform_(module.weight)
            nn.init.zeros_(module.bias)
        elif module is self.ngram_embeddings:
            nn.init.zeros_(module.weight)  # a run that was never met adds nothing
        elif isinstance(module, nn.Embedding):
            nn.init.normal_(module.weight, std=self.config.initializer_range)


class Int8Embedding(nn.Module):
    """Vectors in whole numbers, each with a step of its own: (V, W) int8 and (V,) float32."""

    def __init__(self, num_embeddings: int, embedding_dim: int) -> None:
        """Zeros."""
        super().__init__()
        self.num_embeddings, self.embedding_dim = num_embeddings, embedding_dim
        self.weight = nn.Parameter(torch.zeros(num_embeddings, embedding_dim, dtype=torch.int8), requires_grad=False)
        self.steps = nn.Parameter(torch.zeros(num_embeddings), requires_grad=False)

    def forward(self, ids: Tensor) -> Tensor:
        """Vectors of ids: (…) → (…, W) float32."""
        return self.weight[ids].to(self.steps.dtype) * self.steps[ids].unsqueeze(-1)


def ngram_buckets(input_ids: Tensor, real: Tensor, length: int, buckets: int) -> tuple[Tensor, Tensor]:
    """Buckets of the runs of so many tokens in each row, and which of them hold no padding.

    Args:
        input_ids: (B, T) int64.
        real: (B, T) 1 for a token, 0 for padding.
        length: tokens of a run.
        buckets: how many there are.

    Returns:
        (B, T − length + 1) int64, and the same shape of ``real``'s type.
    """
    runs = input_ids.shape[1] - length + 1
    found, whole = input_ids[:, :runs] % buckets, real[:, :runs]
    for offset in range(1, length):
        stop = input_ids.shape[1] - (length - 1 - offset)
        found = (found * FACTOR + input_ids[:, offset:stop]) % buckets
        whole = whole * real[:, offset:stop]
    return found, whole


def pack(model: StaticForSequenceClassification) -> StaticForSequenceClassification:
    """The same model with its vectors in int8; each number is off by half a step of its vector at most."""
    return _stored(model, "int8", _in_int8)


def unpack(model: StaticForSequenceClassification) -> StaticForSequenceClassification:
    """The same model with its vectors in float32, as it can be trained."""
    return _stored(model, "float32", lambda rows: {"weight": rows})


def _in_int8(rows: Tensor) -> dict[str, Tensor]:
    steps = rows.abs().amax(-1).clamp(min=_TINY) / LARGEST
    return {"weight": (rows / steps.unsqueeze(-1)).round().to(torch.int8), "steps": steps}


def _stored(
    model: StaticForSequenceClassification, storage: str, parts: Callable[[Tensor], dict[str, Tensor]]
) -> StaticForSequenceClassification:
    config = StaticConfig.from_dict(model.config.to_dict() | {"storage": storage})
    with torch.random.fork_rng():
        made = type(model)(config)
    tables = {"embeddings": model.embeddings, "ngram_embeddings": model.ngram_embeddings}
    state = {name: weight for name, weight in model.state_dict().items() if name.split(".")[0] not in tables}
    for name, table in tables.items():
        if table is not None:
            rows = table(torch.arange(table.num_embeddings, device=model.device)).detach()
            state |= {f"{name}.{part}": values for part, values in parts(rows).items()}
    made.load_state_dict(state)
    cast("nn.Module", made).to(model.device)
    return made.train(model.training)
