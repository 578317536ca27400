r"""The last layer computed for the one token that the head reads: exact, with the same weights in the same places.

BERT, DistilBERT, RoBERTa, ELECTRA and ModernBERT (with ``cls`` pooling) classify by the last layer's output at the first
token. That layer then needs one query per row. Nor does it need keys and values for every token, since its products can be
taken in another order: with :math:`q_h` the query of head h, :math:`x_t` the layer's input at token t and
:math:`W^K_h, W^V_h` (d × D) the head's rows of the key and value matrices,

.. math:: q_h \cdot (W^K_h x_t + b) = (q_h W^K_h) \cdot x_t + q_h \cdot b,
          \qquad \sum_t p_t (W^V_h x_t + c) = W^V_h \sum_t p_t x_t + c \sum_t p_t,

so both matrices are applied once per row and head instead of once per token. (Multi-head attention: Vaswani et al. 2017,
equation 1; only the association is changed.) ModernBERT turns each key by its position (Su et al. 2021, "RoFormer", equation
34), so its key matrix stays with the tokens. Logits and gradients equal the plain layer's but for rounding.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple, cast

import torch
from torch import Tensor, nn
from torch.nn.functional import dropout, linear
from transformers import (
    BertForSequenceClassification,
    CamembertForSequenceClassification,
    DistilBertForSequenceClassification,
    ElectraForSequenceClassification,
    ModernBertForSequenceClassification,
    PreTrainedModel,
    RobertaForSequenceClassification,
    XLMRobertaForSequenceClassification,
)
from transformers.models.bert.modeling_bert import BertLayer
from transformers.models.camembert.modeling_camembert import CamembertLayer
from transformers.models.distilbert.modeling_distilbert import TransformerBlock
from transformers.models.electra.modeling_electra import ElectraLayer
from transformers.models.modernbert.modeling_modernbert import ModernBertEncoderLayer, apply_rotary_pos_emb
from transformers.models.roberta.modeling_roberta import RobertaLayer
from transformers.models.xlm_roberta.modeling_xlm_roberta import XLMRobertaLayer

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
    """Let the last layer of a classifier that reads its first token compute its output there alone.

    The layer's output becomes (B, 1, D), of which the head reads the same position 0. Hidden states and attentions of the
    last layer can then no longer be asked for; :func:`disable_cls_only` brings them back. State dict, config and
    the saved files do not change.

    Args:
        model: changed in place.

    Returns:
        False if this is not known to be exact for the model; it is left as it is.
    """
    layer = _last_layer(model)
    if layer is None or not can_be_cls_only(model):
        return False
    layer.__class__ = _CLS_ONLY.get(type(layer), type(layer))  # a class, so that a copy of the model computes by itself
    return True


def can_be_cls_only(model: PreTrainedModel) -> bool:
    """Whether the head reads the first token alone, and the last layer can compute just that."""
    return _last_layer(model) is not None and model.config._attn_implementation in _ATTENTIONS  # noqa: SLF001 - has no public name


def disable_cls_only(model: PreTrainedModel) -> None:
    """Undo :func:`enable_cls_only`."""
    layer = _last_layer(model)
    if layer is not None:
        layer.__class__ = _ALL_TOKENS.get(type(layer), type(layer))


def is_cls_only(model: PreTrainedModel) -> bool:
    """Whether the last layer computes its output at the first token alone."""
    return type(_last_layer(model)) in _ALL_TOKENS


def computes_first_token(layer: nn.Module) -> bool:
    """Whether a layer computes its output at the first token alone."""
    return type(layer) in _ALL_TOKENS


def projects_its_input(layer: nn.Module) -> bool:
    """Whether queries, keys and values are linear in what this layer is given, as in BERT's and DistilBERT's.

    They can then be had for all tokens though its output is computed for the first alone.
    """
    return type(layer) in (_CLS_ONLY.keys() | _ALL_TOKENS.keys()) and not isinstance(layer, ModernBertEncoderLayer)


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


def _last_layer(model: PreTrainedModel) -> nn.Module | None:
    where = _LAYERS.get(type(model))  # exact types: a subclass may read other tokens
    if where is None or getattr(model.config, "is_decoder", False):
        return None
    if getattr(model.config, "classifier_pooling", "cls") != "cls":  # ModernBERT's
        return None
    return cast("nn.ModuleList", model.get_submodule(where))[-1]


_LAYERS: dict[type, str] = {
    BertForSequenceClassification: "bert.encoder.layer",
    CamembertForSequenceClassification: "roberta.encoder.layer",
    DistilBertForSequenceClassification: "distilbert.transformer.layer",
    ElectraForSequenceClassification: "electra.encoder.layer",
    ModernBertForSequenceClassification: "model.layers",
    RobertaForSequenceClassification: "roberta.encoder.layer",
    XLMRobertaForSequenceClassification: "roberta.encoder.layer",
}


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


class _ClsOnly:
    """A layer with BERT's modules, computed at the first token alone: (B, T, D) → (B, 1, D)."""

    attention: Any
    feed_forward_chunk: Any

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
        return cast("Tensor", self.feed_forward_chunk(self.attention.output(context, first)))


class ClsOnlyBertLayer(_ClsOnly, BertLayer):
    """BERT's layer at the first token."""


class ClsOnlyCamembertLayer(_ClsOnly, CamembertLayer):
    """CamemBERT's layer at the first token."""


class ClsOnlyElectraLayer(_ClsOnly, ElectraLayer):
    """ELECTRA's layer at the first token."""


class ClsOnlyRobertaLayer(_ClsOnly, RobertaLayer):
    """RoBERTa's layer at the first token."""


class ClsOnlyXLMRobertaLayer(_ClsOnly, XLMRobertaLayer):
    """XLM-RoBERTa's layer at the first token."""


class ClsOnlyModernBertLayer(ModernBertEncoderLayer):
    """ModernBERT's layer, computed at the first token alone: (B, T, D) → (B, 1, D)."""

    def forward(
        self, hidden_states: Tensor, attention_mask: Tensor | None = None, position_embeddings: Any = None, **_: Any
    ) -> Tensor:
        """See the class."""
        attention, normed = self.attn, self.attn_norm(hidden_states)
        rows, tokens, width = normed.shape
        biases = (None,) * 3 if attention.Wqkv.bias is None else attention.Wqkv.bias.chunk(3)
        query_matrix, key_matrix, value_matrix = attention.Wqkv.weight.chunk(3)
        query = linear(normed[:, :1], query_matrix, biases[0]).view(rows, 1, -1, attention.head_dim).transpose(1, 2)
        keys = linear(normed, key_matrix, biases[1]).view(rows, tokens, -1, attention.head_dim).transpose(1, 2)
        cos, sin = position_embeddings
        query, _ = apply_rotary_pos_emb(query, query, cos[:, :1], sin[:, :1])
        _, keys = apply_rotary_pos_emb(keys, keys, cos, sin)
        scores = torch.matmul(query, keys.transpose(2, 3))[:, :, 0] * attention.head_dim**-0.5  # (B, H, T)
        weights = _softmax(scores, attention_mask)
        weights = dropout(weights, p=attention.attention_dropout, training=self.training)
        context = _mixed(weights, normed, value_matrix.view(-1, attention.head_dim, width), biases[2])
        attended = hidden_states[:, :1] + attention.out_drop(attention.Wo(context))
        return attended + self.mlp(self.mlp_norm(attended))


_CLS_ONLY: dict[type, type] = {
    BertLayer: ClsOnlyBertLayer,
    CamembertLayer: ClsOnlyCamembertLayer,
    ElectraLayer: ClsOnlyElectraLayer,
    ModernBertEncoderLayer: ClsOnlyModernBertLayer,
    RobertaLayer: ClsOnlyRobertaLayer,
    TransformerBlock: ClsOnlyTransformerBlock,
    XLMRobertaLayer: ClsOnlyXLMRobertaLayer,
}
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
    weights = heads.dropout(_softmax(scores * heads.size**-0.5, mask))
    return _mixed(weights, hidden_states, heads.value.weight.view(-1, heads.size, width), heads.value.bias)


def _softmax(scores: Tensor, mask: Tensor | None) -> Tensor:
    """Attention weights (B, H, T) of the first token, by a mask (B or 1, 1, T or 1, T) of booleans, or of numbers to add."""
    if mask is None:
        return scores.softmax(-1)
    seen = mask[:, :, 0]
    if seen.dtype != torch.bool:
        return (scores + seen).softmax(-1)
    weights = scores.masked_fill(~seen, torch.finfo(scores.dtype).min).softmax(-1)
    return weights.masked_fill(~seen.any(-1, keepdim=True), 0)  # as sdpa does for a token that sees none


def _mixed(weights: Tensor, hidden_states: Tensor, value: Tensor, bias: Tensor | None) -> Tensor:
    """Values of all tokens, weighted: weights (B, H, T), hidden states (B, T, D), value matrices (H, d, D) → (B, 1, H·d)."""
    mixed = torch.bmm(weights, hidden_states).transpose(0, 1)  # (H, B, D)
    context = torch.bmm(mixed, value.transpose(1, 2))  # (H, B, d)
    if bias is not None:
        context = context + weights.sum(-1).t().unsqueeze(-1) * bias.view(-1, 1, value.shape[1])
    return context.transpose(0, 1).reshape(weights.shape[0], 1, -1)
