"""Classifiers with random weights, of a size that the recipe gives."""

from dataclasses import dataclass
from typing import Any, Self, cast

from transformers import (
    BertConfig,
    BertForSequenceClassification,
    DistilBertConfig,
    DistilBertForSequenceClassification,
    PreTrainedModel,
    PreTrainedTokenizerBase,
    set_seed,
)

from alambique.models.labels import label_config
from alambique.models.pretrained import check_positions
from alambique.models.student_form import BuildContext, StudentForm, Surroundings, form_key
from alambique.models.tokenizer import for_model
from alambique.recipe.sections import Scratch, Student

POSITIONS = 512


def config_from_scratch(size: Scratch, **entries: Any) -> BertConfig | DistilBertConfig:
    """The config of a classifier of this size.

    Args:
        size: architecture, layers, width, heads; the feed-forward width is four times the width by default.
        entries: what its tokenizer and its classes say.
    """
    feed_forward = size.feed_forward or 4 * size.width
    if size.architecture == "bert":
        return BertConfig(
            hidden_size=size.width, num_hidden_layers=size.layers, num_attention_heads=size.heads,
            intermediate_size=feed_forward, max_position_embeddings=POSITIONS, **entries,
        )  # fmt: skip
    return DistilBertConfig(
        dim=size.width, n_layers=size.layers, n_heads=size.heads, hidden_dim=feed_forward,
        max_position_embeddings=POSITIONS, **entries,
    )  # fmt: skip


def model_from_scratch(
    size: Scratch, tokenizer: PreTrainedTokenizerBase, label_names: tuple[str, ...], *, seed: int
) -> PreTrainedModel:
    """A BERT or DistilBERT classifier with random weights.

    Args:
        size: architecture, layers, width, heads.
        tokenizer: what it will read.
        label_names: its classes.
        seed: of the weights.
    """
    set_seed(seed)
    config = config_from_scratch(
        size, vocab_size=len(tokenizer), pad_token_id=tokenizer.pad_token_id, **label_config(label_names)
    )
    if isinstance(config, BertConfig):
        return BertForSequenceClassification(config)
    return DistilBertForSequenceClassification(config)


@dataclass(frozen=True)
class FromScratch(StudentForm):
    """A student with random weights, which reads with its teacher's tokenizer."""

    size: Scratch

    @classmethod
    def resolve(cls, section: Student, surroundings: Surroundings) -> Self:
        """Check that texts are not longer than the student has positions for.

        Raises:
            ModelError: they are.
        """
        check_positions(surroundings.max_length, POSITIONS, key="student.from_scratch")
        return cls(cast("Scratch", section.from_scratch))

    def key(self, *, teacher: str, teacher_tokenizer: str) -> dict[str, Any]:
        """Its size and the tokenizer."""
        del teacher
        return form_key(from_scratch=self.size.model_dump(mode="json"), tokenizer=teacher_tokenizer)

    def build(self, context: BuildContext) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
        """Draw the weights."""
        model = model_from_scratch(self.size, context.teacher_tokenizer, context.label_names, seed=context.seed)
        return model, for_model(context.teacher_tokenizer, model)
