"""Layers computed for real tokens alone: exact, and a batch may hold rows of any lengths.

Embeddings, linear layers, activations and normalisations treat each token by itself, so they run on the N real tokens of
a batch in one row, (1, N, D), instead of on (B, T, D) with padding. Attention alone needs to know which tokens belong
together: there they are padded again, in a few groups of rows of similar length. The head meets the first token of each
row, (B, 1, D), which the last layer computes alone (:mod:`~alambique.models.speedups.cls_last_layer`) unless a loss reads
its other tokens. Logits and gradients equal the plain model's but for rounding. (Known as unpadding: Zeng et al. 2022,
"Boosting Distributed Training Performance of the Unpadded BERT Model"; here without kernels of its own.)
"""

from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import PreTrainedModel
from transformers.modeling_outputs import BaseModelOutput, BaseModelOutputWithPoolingAndCrossAttentions
from transformers.models.bert.modeling_bert import BertModel, BertSelfAttention
from transformers.models.distilbert.modeling_distilbert import DistilBertModel, DistilBertSelfAttention

from alambique.models.speedups.cls_last_layer import can_be_cls_only
from alambique.models.speedups.layout import Layout


def enable_real_tokens(model: PreTrainedModel) -> bool:
    """Let a BERT or DistilBERT classifier leave padding out of every layer.

    Config, state dict and what the model is called with stay; hidden states and attentions can no longer be asked for.

    Args:
        model: changed in place.

    Returns:
        False for any other model, and for one whose head reads more than the first token
        (:func:`~.cls_last_layer.can_be_cls_only`) or that feeds tokens forward in chunks; it is left as it is.
    """
    known = type(model.base_model) in (_REAL_TOKENS.keys() | _PADDED.keys())
    if not known or not can_be_cls_only(model) or model.config.chunk_size_feed_forward:
        return False
    for module in model.modules():
        module.__class__ = _REAL_TOKENS.get(type(module), type(module))  # a class, as for the last layer
    return True


def disable_real_tokens(model: PreTrainedModel) -> None:
    """Undo :func:`enable_real_tokens`."""
    for module in model.modules():
        module.__class__ = _PADDED.get(type(module), type(module))


class RealTokensDistilBertModel(DistilBertModel):
    """DistilBERT whose layers meet (1, N, D): the real tokens of the batch."""

    def forward(self, input_ids: Tensor | None = None, attention_mask: Tensor | None = None, **given: Any) -> Any:
        """See the class; anything but token ids and their mask is left to DistilBERT's own code."""
        layout = _layout(input_ids, attention_mask, given, self.config.dim)
        if layout is None:
            return super().forward(input_ids, attention_mask, **given)
        hidden = self.embeddings(layout.pack(cast("Tensor", input_ids)), None, layout.positions)
        last = self.transformer(hidden, None, layout=layout).last_hidden_state
        return BaseModelOutput(last_hidden_state=_firsts(last, layout))


class RealTokensBertModel(BertModel):
    """BERT whose layers meet (1, N, D): the real tokens of the batch."""

    def forward(self, input_ids: Tensor | None = None, attention_mask: Tensor | None = None, **given: Any) -> Any:
        """See the class; anything but token ids, their mask and types is left to BERT's own code."""
        types = given.pop("token_type_ids", None)
        layout = _layout(input_ids, attention_mask, given, self.config.hidden_size)
        if layout is None:
            return super().forward(input_ids, attention_mask, types, **given)
        hidden = self.embeddings(
            input_ids=layout.pack(cast("Tensor", input_ids)),
            token_type_ids=None if types is None else layout.pack(types),
            position_ids=layout.positions,
        )
        first = _firsts(self.encoder(hidden, None, layout=layout).last_hidden_state, layout)
        pooled = None if self.pooler is None else self.pooler(first)
        return BaseModelOutputWithPoolingAndCrossAttentions(last_hidden_state=first, pooler_output=pooled)


class RealTokensDistilBertSelfAttention(DistilBertSelfAttention):
    """DistilBERT's attention for (1, N, D), where a layout is given."""

    def forward(self, hidden_states: Tensor, attention_mask: Tensor | None = None, **given: Any) -> Any:
        """See the class."""
        layout = given.pop("layout", None)
        if layout is None:
            return super().forward(hidden_states, attention_mask, **given)
        projected = [linear(hidden_states) for linear in (self.q_lin, self.k_lin, self.v_lin)]
        return self.out_lin(_attend(projected, layout, self.n_heads, self.dropout)), None


class RealTokensBertSelfAttention(BertSelfAttention):
    """BERT's attention for (1, N, D), where a layout is given."""

    def forward(self, hidden_states: Tensor, attention_mask: Tensor | None = None, **given: Any) -> Any:  # type: ignore[override]
        """See the class."""
        layout = given.pop("layout", None)
        if layout is None:
            return super().forward(hidden_states, attention_mask, **given)
        projected = [linear(hidden_states) for linear in (self.query, self.key, self.value)]
        return _attend(projected, layout, self.num_attention_heads, self.dropout), None


_REAL_TOKENS: dict[type, type] = {
    BertModel: RealTokensBertModel,
    BertSelfAttention: RealTokensBertSelfAttention,
    DistilBertModel: RealTokensDistilBertModel,
    DistilBertSelfAttention: RealTokensDistilBertSelfAttention,
}
_PADDED = {patched: plain for plain, patched in _REAL_TOKENS.items()}


def _layout(ids: Tensor | None, mask: Tensor | None, given: dict[str, Any], size: int) -> Layout | None:
    """The layout of a batch; None where the padded code must compute it."""
    others = {name for name, value in given.items() if value is not None and name != "return_dict"}
    if ids is None or mask is None or mask.shape != ids.shape or others:
        return None
    return Layout.of(mask, size)


def _firsts(last: Tensor, layout: Layout) -> Tensor:
    """The first token of each row, (B, 1, D), of a last layer that computed it alone or all tokens, (1, N, D)."""
    if last.shape[0] == len(layout.firsts) and last.shape[1] == 1:
        return last
    return last.squeeze(0).index_select(0, layout.firsts).unsqueeze(1)


def _attend(projected: list[Tensor], layout: Layout, heads: int, dropout: nn.Dropout) -> Tensor:
    """Self-attention within each row: queries, keys and values (1, N, D) → (1, N, D)."""
    return layout.by_group(lambda *padded, hidden: _attend_padded(padded, hidden, heads, dropout), projected)


def _attend_padded(projected: tuple[Tensor, ...], hidden: Tensor | None, heads: int, dropout: nn.Dropout) -> Tensor:
    rows, width, size = projected[0].shape
    query, key, value = (part.view(rows, width, heads, -1).transpose(1, 2) for part in projected)
    rate = dropout.p if dropout.training else 0.0
    if rate == 0 or query.device.type != "cpu":
        seen = None if hidden is None else ~hidden[:, None, None]
        context = functional.scaled_dot_product_attention(query, key, value, attn_mask=seen, dropout_p=rate)
    else:  # where torch's own would draw its costly random numbers
        scores = (query * (size // heads) ** -0.5) @ key.transpose(2, 3)
        if hidden is not None:
            scores = scores.masked_fill(hidden[:, None, None], torch.finfo(scores.dtype).min)
        context = dropout(scores.softmax(-1)) @ value
    return context.transpose(1, 2).reshape(rows, width, size)
