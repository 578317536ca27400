"""Students that start from some of their teacher's layers: of its own architecture, or DistilBERT from BERT."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Self, cast

from transformers import (
    BertForSequenceClassification,
    DistilBertConfig,
    DistilBertForSequenceClassification,
    PreTrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerBase,
    set_seed,
)

from alambique.errors import ModelError
from alambique.models.fewer_layers import depth_of, layer_stacks, with_layers
from alambique.models.labels import label_config
from alambique.models.student_form import BuildContext, StudentForm, Surroundings, form_key
from alambique.models.tokenizer import for_model
from alambique.recipe.made_models import FromTeacher
from alambique.recipe.sections import Student

_DISTILBERT_TO_BERT = {
    "attention.q_lin": "attention.self.query",
    "attention.k_lin": "attention.self.key",
    "attention.v_lin": "attention.self.value",
    "attention.out_lin": "attention.output.dense",
    "sa_layer_norm": "attention.output.LayerNorm",
    "ffn.lin1": "intermediate.dense",
    "ffn.lin2": "output.dense",
    "output_layer_norm": "output.LayerNorm",
}


def choose_layers(layers: int | tuple[int, ...], depth: int, *, lower: bool = False) -> list[int]:
    """Which of the teacher's ``depth`` layers the student takes.

    Those named, or so many: evenly spaced from the first (of twelve, six are 0, 2, 4, 6, 8, 10), or the lowest, 0 to 5,
    whose inputs are what they were in the teacher (Sajjad et al. 2023, "On the Effect of Dropping Layers of Pre-trained
    Transformer Models", top-layer dropping).

    Raises:
        ModelError: the teacher has not that many layers.
    """
    if isinstance(layers, int):
        chosen = list(range(layers)) if lower else [i * depth // layers for i in range(layers)]
    else:
        chosen = list(layers)
    if len(chosen) > depth or max(chosen) >= depth:
        raise ModelError(
            f"student.from_teacher.layers asks for {layers}, but the teacher has {depth} layers, numbered 0 to {depth - 1}."
        )
    return chosen


def check_layers(teacher: PreTrainedConfig, form: FromTeacher) -> list[int]:
    """Which layers a student takes from such a teacher, if it can be made; nothing is loaded.

    Raises:
        ModelError: it cannot, or the teacher has no such layers.
    """
    other = (teacher.model_type, form.architecture) in _OTHER_ARCHITECTURES
    if not other and form.architecture not in ("same", teacher.model_type):
        raise ModelError(
            f"student.from_teacher.architecture is {form.architecture}, which is made from a BERT teacher; this one is "
            f"{teacher.model_type}. Set it to same for a shallower {teacher.model_type}."
        )
    chosen = choose_layers(form.layers, depth_of(teacher), lower=form.choose == "lower")
    if not other:
        layer_stacks(teacher, chosen)
    return chosen


def student_from_teacher(
    teacher: PreTrainedModel, form: FromTeacher, label_names: tuple[str, ...], *, seed: int
) -> PreTrainedModel:
    """A student that starts from some of a teacher's layers.

    One of the teacher's architecture takes over everything but the layers that are left out, pooler and head too.
    DistilBERT from BERT is made as its authors did (Sanh et al. 2019, "DistilBERT, a distilled version of BERT", §3):
    embeddings and every other layer are taken over. It has no token types, so the embedding of type 0 is added to every
    position; with all layers taken its encoder then computes what BERT's does for single texts. Its head, which has
    another activation than BERT's pooler, is drawn by ``seed``.

    Args:
        teacher: a classifier; it is not changed.
        form: architecture and layers.
        label_names: its classes.
        seed: of the weights that are not taken over.

    Raises:
        ModelError: such a student cannot be made from this teacher, or it has no such layers.
    """
    chosen = check_layers(teacher.config, form)
    set_seed(seed)
    labels = label_config(label_names)
    make = _OTHER_ARCHITECTURES.get((teacher.config.model_type, form.architecture))
    if make is not None:
        return make(cast("BertForSequenceClassification", teacher), chosen, labels)
    return with_layers(teacher, chosen, labels)


def _distilbert(
    teacher: BertForSequenceClassification, chosen: list[int], labels: dict[str, Any]
) -> DistilBertForSequenceClassification:
    bert = teacher.config
    student = DistilBertForSequenceClassification(
        DistilBertConfig(
            vocab_size=bert.vocab_size,
            max_position_embeddings=bert.max_position_embeddings,
            n_layers=len(chosen),
            n_heads=bert.num_attention_heads,
            dim=bert.hidden_size,
            hidden_dim=bert.intermediate_size,
            dropout=bert.hidden_dropout_prob,
            attention_dropout=bert.attention_probs_dropout_prob,
            activation=bert.hidden_act,
            pad_token_id=bert.pad_token_id,
            **labels,
        )
    )
    weights = {n.removeprefix("bert."): w for n, w in teacher.state_dict().items() if n.startswith("bert.")}
    positions = "embeddings.position_embeddings.weight"
    weights[positions] = weights[positions] + weights["embeddings.token_type_embeddings.weight"][0]
    taken = student.state_dict()
    for name in taken:
        if name.startswith("distilbert."):
            taken[name] = weights[_name_in_bert(name.removeprefix("distilbert."), chosen)]
    student.load_state_dict(taken)
    return student


def _name_in_bert(name: str, chosen: list[int]) -> str:
    """Where BERT keeps what DistilBERT calls ``transformer.layer.2.ffn.lin1.weight``, for the layers chosen."""
    if not name.startswith("transformer."):
        return name
    _, _, layer, inner = name.split(".", 3)
    module, _, kind = inner.rpartition(".")
    return f"encoder.layer.{chosen[int(layer)]}.{_DISTILBERT_TO_BERT[module]}.{kind}"


# by the teacher's architecture and the student's
_OTHER_ARCHITECTURES: dict[
    tuple[str, str], Callable[[BertForSequenceClassification, list[int], dict[str, Any]], PreTrainedModel]
] = {("bert", "distilbert"): _distilbert}


@dataclass(frozen=True)
class FromTeacherLayers(StudentForm):
    """A student that starts from some of its teacher's layers and reads with its tokenizer."""

    section: FromTeacher

    @classmethod
    def resolve(cls, section: Student, surroundings: Surroundings) -> Self:
        """Check that the teacher is one that layers can be taken from, and has them.

        Raises:
            ModelError: it is not, or has not.
        """
        form = cast("FromTeacher", section.from_teacher)
        if surroundings.teacher_config is None:
            raise ModelError("student.from_teacher: is made of a teacher's layers, and this teacher has none.")
        check_layers(surroundings.teacher_config, form)
        return cls(form)

    def key(self, *, teacher: str, teacher_tokenizer: str) -> dict[str, Any]:
        """Which layers, of which teacher."""
        return form_key(from_teacher=self.section.key(), teacher=teacher, tokenizer=teacher_tokenizer)

    def build(self, context: BuildContext) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
        """Take the layers over; see :func:`student_from_teacher`."""
        model = student_from_teacher(context.load_teacher(), self.section, context.label_names, seed=context.seed)
        return model, for_model(context.teacher_tokenizer, model)
