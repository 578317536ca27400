r"""The last layer computed for the one token that the head reads: exact, with the same weights in the same places.

BERT and DistilBERT classify by the last layer's output at the first token. That layer then needs one query a row. Nor
does it need keys and values for every token, since its products can be taken in another order: with
:math:`q_h` the query of head h, :math:`x_t` the layer's input at token t and :math:`W^K_h, W^V_h` (d × D) the head's rows of
the key and value matrices,

.. math:: q_h \cdot (W^K_h x_t + b) = (q_h W^K_h) \cdot x_t + q_h \cdot b,
          \qquad \sum_t p_t (W^V_h x_t + c) = W^V_h \sum_t p_t x_t + c \sum_t p_t,

so both matrices are applied once a row and head instead of once a token. (Multi-head attention: Vaswani et al. 2017,
equation 1; only the association is changed.) Logits and gradients equal the plain layer's but for rounding.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple, cast

import torch
from torch import Tensor, nn
from transformers import BertForSequenceClassification, DistilBertForSequenceClassification, PreTrainedModel
from transformers.models.bert.modeling_bert import BertLayer
from transformers.models.distilbert.modeling_distilbert import TransformerBlock

from alambique.models.speedups.layout import Layout

# these hand the layer a mask that broadcasts over (B, heads, queries, keys): booleans, or numbers to add
_ATTENTIONS = ("eager", "sdpa")


class _Heads(NamedTuple):
    """The projections of one self-attention, whatever its module calls them."""

    query: nn.Linear
    key: nn.Linear
    value: nn.Linear
    dropout: nn.Dropout
    size: int


def enable_cls_only(model: PreTrainedModel) -> bool:
    """Let the last layer of a BERT or DistilBERT classifier compute its output at the first token alone.

    The layer's output becomes (B, 1, D), of which the head reads the same position 0. Hidden states and attentions of the
    last layer can then no longer be asked for; :func:`disable_cls_only` brings them back. State dict, config and
    the saved files do not change.

    Args:
        model: changed in place.

    Returns:
        False if this is not known to be exact for the model; it is left as it is.
    """
    layer = _last_layer(model)
    if layer is None or model.config._attn_implementation not in _ATTENTIONS:  # noqa: SLF001 - has no public name
        return False
    layer.__class__ = _CLS_ONLY.get(type(layer), type(layer))  # a class, so that a copy of the model computes by itself
    return True


def disable_cls_only(model: PreTrainedModel) -> None:
    """Undo :func:`enable_cls_only`."""
    layer = _last_layer(model)
    if layer is not None:
        layer.__class__ = _ALL_TOKENS.get(type(layer), type(layer))


def is_cls_only(model: PreTrainedModel) -> bool:
    """Whether the last layer computes its output at the first token alone."""
    return type(_last_layer(model)) in _ALL_TOKENS


@contextmanager
def cls_only(model: PreTrainedModel) -> Iterator[None]:
    """:func:`enable_cls_only` for the length of a block; the model is left as it was."""
    already = is_cls_only(model)
    enable_cls_only(model)
    try:
        yield
    finally:
        if not already:
            disable_cls_only(model)


def _last_layer(model: PreTrainedModel) -> BertLayer | TransformerBlock | None:
    # exact types: a subclass may read other tokens
    if type(model) is DistilBertForSequenceClassification:
        return cast("TransformerBlock", model.distilbert.transformer.layer[-1])
    if type(model) is BertForSequenceClassification and not model.config.is_decoder:
        return cast("BertLayer", model.bert.encoder.layer[-1])
    return None


class ClsOnlyTransformerBlock(TransformerBlock):
    """DistilBERT's layer, computed at the first token alone: (B, T, D) → (B, 1, D)."""

    def forward(
        self, hidden_states: Tensor, attention_mask: Tensor | None = None, layout: Layout | None = None, **_: Any
    ) -> Tensor:
        """See the class; with a layout, (1, N, D) → (B, 1, D)."""
        attention = self.attention
        heads = _Heads(
            attention.q_lin, attention.k_lin, attention.v_lin, attention.dropout, attention.attention_head_size
        )
        first, context = _first_tokens(heads, hidden_states, attention_mask, layout)
        attended = self.sa_layer_norm(attention.out_lin(context) + first)
        return self.output_layer_norm(self.ffn(attended) + attended)


class ClsOnlyBertLayer(BertLayer):
    """BERT's layer, computed at the first token alone: (B, T, D) → (B, 1, D)."""

    def forward(
        self,
        hidden_states: Tensor,
        attention_mask: Tensor | None = None,
        *_: Any,
        layout: Layout | None = None,
        **__: Any,
    ) -> Tensor:
        """See the class; with a layout, (1, N, D) → (B, 1, D)."""
        attention = self.attention.self
        heads = _Heads(
            attention.query, attention.key, attention.value, attention.dropout, attention.attention_head_size
        )
        first, context = _first_tokens(heads, hidden_states, attention_mask, layout)
        attended = self.attention.output(context, first)
        return self.feed_forward_chunk(attended)


_CLS_ONLY: dict[type, type] = {BertLayer: ClsOnlyBertLayer, TransformerBlock: ClsOnlyTransformerBlock}
_ALL_TOKENS = {patched: plain for plain, patched in _CLS_ONLY.items()}


def _first_tokens(
    heads: _Heads, hidden_states: Tensor, mask: Tensor | None, layout: Layout | None
) -> tuple[Tensor, Tensor]:
    """The first token of each row and what it attends to: (B, 1, D) each."""
    if layout is None:
        return hidden_states[:, :1], _attend(heads, hidden_states, mask)
    packed = hidden_states.squeeze(0)
    context = [
        _attend(heads, group.pad(packed), None if group.hidden is None else ~group.hidden[:, None, None])
        for group in layout.groups
    ]
    return packed.index_select(0, layout.firsts).unsqueeze(1), torch.cat(context)


def _attend(heads: _Heads, hidden_states: Tensor, mask: Tensor | None) -> Tensor:
    """What the first token attends to: (B, T, D) → (B, 1, D), before the output projection."""
    rows, width = hidden_states.shape[0], hidden_states.shape[2]
    # (H, B, d): the heads apart, so that each meets its own rows of the matrices
    query = heads.query(hidden_states[:, 0]).view(rows, -1, heads.size).transpose(0, 1)
    folded = torch.bmm(query, heads.key.weight.view(-1, heads.size, width)).transpose(0, 1)  # (B, H, D)
    scores = torch.bmm(folded, hidden_states.transpose(1, 2))  # (B, H, T)
    if heads.key.bias is not None:
        scores = scores + (query * heads.key.bias.view(-1, 1, heads.size)).sum(-1).transpose(0, 1).unsqueeze(-1)
    scores = scores * heads.size**-0.5
    if mask is not None:
        seen = mask[:, :, 0]  # (B or 1, 1, T)
        scores = scores.masked_fill(~seen, torch.finfo(scores.dtype).min) if seen.dtype == torch.bool else scores + seen
    weights = heads.dropout(scores.softmax(-1))
    mixed = torch.bmm(weights, hidden_states).transpose(0, 1)  # (H, B, D)
    context = torch.bmm(mixed, heads.value.weight.view(-1, heads.size, width).transpose(1, 2))  # (H, B, d)
    if heads.value.bias is not None:
        context = context + weights.sum(-1).t().unsqueeze(-1) * heads.value.bias.view(-1, 1, heads.size)
    return context.transpose(0, 1).reshape(rows, 1, -1)
