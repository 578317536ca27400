"""The losses between the insides of student and teacher: hidden states, and relations of queries, keys and values.

A feature loss reads the same kind of values of both models, at chosen layers, and gives one value per row. Values are
packed: the N real tokens of B rows, row after row, without padding. Importing this module does not import torch.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer

from alambique.losses.contract import named, to_float32

if TYPE_CHECKING:
    from torch import Tensor

FEATURE_WEIGHT = 0.01
_MOST_HEADS = 12  # MiniLMv2's 48 take four times as long


def _layers(value: Any) -> Any:
    if value is None:
        return None
    pairs = (
        {_layer(student): _layer(teacher) for student, teacher in value.items()} if isinstance(value, Mapping) else {}
    )
    if not pairs or -1 in (*pairs, *pairs.values()):
        raise ValueError("must be a mapping of the student's layer numbers to the teacher's, from 0, such as {2: 5}")
    return dict(sorted(pairs.items()))


def _layer(value: Any) -> int:
    """A layer number; −1 for what is none. The keys of YAML and JSON are text."""
    if isinstance(value, str) and value.isdecimal():
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else -1


LayerPairs = Annotated[
    dict[int, int] | None,
    BeforeValidator(_layers),
    PlainSerializer(lambda pairs: None if pairs is None else {str(k): v for k, v in pairs.items()}, when_used="json"),
]


class FeatureLoss(BaseModel):
    """Base class of losses on the insides of two models, with frozen options and one value per row.

    Attributes:
        name: the name in the recipe and in the log, where it is ``loss_NAME``.
        reads: what is read of a layer: its output (``hidden``), or what its attention makes of its input (``relations``).
        projects: values of the student are taken to the teacher's width by a learned matrix, where the widths differ.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, use_attribute_docstrings=True)
    reads: ClassVar[Literal["hidden", "relations"]]
    projects: ClassVar[bool] = False
    name: str
    layers: LayerPairs = None
    """The student's layers and the teacher's layer that each learns from, numbered from 0, such as `{2: 5}`"""
    weight: Annotated[float, Field(gt=0, le=1000, allow_inf_nan=False)] | None = None
    """Weight of the loss beside the mixture of soft and hard labels; null: `distillation.feature_weight`"""

    @property
    def first_only(self) -> bool:
        """Whether the first token of each row alone is read."""
        return False

    def default_layers(self, student: int, teacher: int) -> dict[int, int]:
        """The layers that are used where none are named.

        Args:
            student: number of the student's layers.
            teacher: number of the teacher's layers.

        Returns:
            from the student's layer numbers to the teacher's.
        """
        raise NotImplementedError

    def check(self, student: Sequence[int], teacher: Sequence[int]) -> None:
        """Raise an error if the loss is not defined for models of these widths.

        Args:
            student: width of each value that is read of a layer of the student.
            teacher: the same of the teacher.

        Raises:
            ValueError: says why.
        """

    def rows(self, student: "Sequence[Tensor]", teacher: "Sequence[Tensor]", lengths: "Tensor") -> "Tensor":
        """Loss of each row, (B,).

        Args:
            student: (N, W) each: the values of the layers in turn, for the N tokens that are read.
            teacher: as many, for the same tokens, without gradient.
            lengths: (B,) tokens of each row; their sum is N.
        """
        raise NotImplementedError


class HiddenStates(FeatureLoss):
    """Squared difference of hidden states, projected where widths differ (Jiao et al. 2020, Sun et al. 2019).

    Σ over pairs of layers of MSE(H_s W, H_t): H are a layer's outputs at the real tokens, W a learned matrix without bias,
    left out where both widths are equal (Jiao et al. 2020, "TinyBERT", equation 8, which it sums over layers). MSE is the
    mean over a row's tokens and the width. With ``tokens="first"`` and ``normalize=True`` it is the loss of Sun et
    al. 2019, "Patient Knowledge Distillation", equation 7. Layers by default as in its PKD-Skip: of M student layers and N
    teacher layers, numbered from 1, student layer m learns from teacher layer m·N/M, rounded down, for m from 1 to M − 1.
    The last layer is left out: the logits teach it. A student of one layer learns from the teacher's last.

    Example:
        >>> import torch
        >>> from alambique.losses.features import HiddenStates
        >>> HiddenStates().default_layers(3, 12)
        {0: 3, 1: 7}
        >>> student, teacher = torch.zeros(3, 2), torch.tensor([[1.0, 1.0], [3.0, 3.0], [2.0, 0.0]])
        >>> HiddenStates().rows([student], [teacher], lengths=torch.tensor([2, 1]))  # (1 + 9) / 2, and (4 + 0) / 2
        tensor([5., 2.])
    """

    reads: ClassVar[Literal["hidden", "relations"]] = "hidden"
    projects: ClassVar[bool] = True
    name: Literal["hidden"] = "hidden"
    tokens: Literal["all", "first"] = "all"
    """`all`, or the `first` token alone, which works with another tokenizer too"""
    normalize: bool = False
    """true: vectors are divided by their length first"""

    @property
    def first_only(self) -> bool:
        """See the base class."""
        return self.tokens == "first"

    def default_layers(self, student: int, teacher: int) -> dict[int, int]:
        """See the class."""
        if student == 1:
            return {0: teacher - 1}
        return {m - 1: max(0, m * teacher // student - 1) for m in range(1, student)}

    def rows(self, student: "Sequence[Tensor]", teacher: "Sequence[Tensor]", lengths: "Tensor") -> "Tensor":
        """See the base class."""
        import torch  # noqa: PLC0415 - the recipe reads the options above without torch
        from torch.nn import functional  # noqa: PLC0415

        total = lengths.new_zeros(len(lengths), dtype=torch.float32)
        for pair in zip(student, teacher, strict=True):
            ours, theirs = (to_float32(values) for values in pair)
            if self.normalize:
                difference = functional.normalize(ours, dim=-1) - functional.normalize(theirs, dim=-1)
                distance = difference.square().sum(-1)
            else:
                distance = (ours - theirs).square().mean(-1)
            total = total + (distance if self.first_only else mean_by_row(distance, lengths))
        return total


class Relations(FeatureLoss):
    """KL divergence of the relations of queries, keys and values (Wang et al. 2021, MiniLMv2); widths may differ.

    Σ over queries, keys and values of 1 / (A n) Σ over heads and tokens of KL(R_t ‖ R_s), with R = softmax(X Xᵀ / √d) within
    each of A relation heads of width d, for a row of n tokens (Wang et al. 2021, "MiniLMv2: Multi-Head Self-Attention
    Relation Distillation for Compressing Pretrained Transformers", §3.1, with the relations Q-Q, K-K and V-V). A need not be
    the number of attention heads of either model, so their widths may differ. By default the student's last layer learns
    from the teacher's last; for a teacher of 24 layers the paper takes layer 21, numbered from 1: ``{M − 1: 20}``.

    Example:
        >>> import torch
        >>> from alambique.losses.features import Relations
        >>> teacher = [torch.randn(5, 12) for _ in range(3)]  # queries, keys and values of two rows
        >>> student = [values[:, [1, 0, 3, 2, 5, 4, 7, 6, 9, 8, 11, 10]] for values in teacher]  # the same relations
        >>> Relations(heads=6).rows(student, teacher, lengths=torch.tensor([2, 3])).abs() < 1e-6
        tensor([True, True])
    """

    reads: ClassVar[Literal["hidden", "relations"]] = "relations"
    name: Literal["relations"] = "relations"
    heads: Annotated[int, Field(ge=1, le=4096)] | None = None
    """Relation heads, which divide the widths of both models; null: the largest such number up to 12. The paper's 48 learn a
    little more, and cost four times the time"""

    def default_layers(self, student: int, teacher: int) -> dict[int, int]:
        """See the class."""
        return {student - 1: teacher - 1}

    def heads_for(self, widths: Sequence[int]) -> int:
        """Number of relation heads for values of these widths."""
        return self.heads or max(n for n in range(1, _MOST_HEADS + 1) if all(width % n == 0 for width in widths))

    def check(self, student: Sequence[int], teacher: Sequence[int]) -> None:
        """See the base class."""
        if self.heads is not None and any(width % self.heads for width in (*student, *teacher)):
            raise ValueError(
                f"relations of {self.heads} heads cannot be taken of widths {student[0]} (student) and {teacher[0]} "
                f"(teacher): heads must divide both, as {Relations().heads_for((*student, *teacher))} does"
            )

    def rows(self, student: "Sequence[Tensor]", teacher: "Sequence[Tensor]", lengths: "Tensor") -> "Tensor":
        """See the base class."""
        import torch  # noqa: PLC0415

        heads = self.heads_for([values.shape[-1] for values in (*student, *teacher)])
        real = torch.arange(int(lengths.max()), device=lengths.device) < lengths.unsqueeze(1)
        padding = None if bool(real.all()) else ~real
        total = lengths.new_zeros(len(lengths), dtype=torch.float32)
        for ours, theirs in zip(student, teacher, strict=True):
            log_s, log_t = (_log_relations(_padded(values, real), padding, heads) for values in (ours, theirs))
            divergence = (log_t.exp() * (log_t - log_s)).sum(-1).sum(1)  # (B, T)
            if padding is not None:
                divergence = divergence.masked_fill(padding, 0)
            total = total + divergence.sum(-1) / (heads * lengths)
        return total


Features = HiddenStates | Relations
FEATURES: dict[str, type[FeatureLoss]] = {kind.model_fields["name"].default: kind for kind in get_args(Features)}


def feature_with_name(value: Any) -> Any:
    """A feature loss as the recipe may write it, as a mapping with its name; None stays.

    Raises:
        ValueError: there is none of that name.
    """
    return None if value is None else named(value, FEATURES)


def mean_by_row(values: "Tensor", lengths: "Tensor") -> "Tensor":
    """Mean of the values of each row's tokens: (N,) → (B,)."""
    import torch  # noqa: PLC0415

    return torch.segment_reduce(values, "mean", lengths=lengths)


def _padded(values: "Tensor", real: "Tensor") -> "Tensor":
    """(N, W) → (B, T, W), zero where nothing is real, (B, T)."""
    values = to_float32(values)
    if len(values) == real.numel():
        return values.view(*real.shape, -1)
    return values.new_zeros(*real.shape, values.shape[-1]).index_put((real,), values)


def _log_relations(values: "Tensor", padding: "Tensor | None", heads: int) -> "Tensor":
    """Log of softmax(X Xᵀ / √d) over the tokens that are not padding, (B, T): (B, T, W) → (B, A, T, T)."""
    import torch  # noqa: PLC0415

    rows, width, size = values.shape
    split = (values * (size // heads) ** -0.25).view(rows, width, heads, size // heads).transpose(1, 2)
    scores = split @ split.transpose(2, 3)
    if padding is not None:
        scores = scores.masked_fill(padding[:, None, None], torch.finfo(scores.dtype).min)
    return scores.log_softmax(-1)
