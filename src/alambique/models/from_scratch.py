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
from alambique.models.tokenizer import for_model, train_wordpiece
from alambique.recipe.made_models import Scratch
from alambique.recipe.sections import Student

POSITIONS = 512
VOCABULARY = 8000  # at most, of a student's own tokenizer


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
    """A student with random weights, which reads with its teacher's tokenizer or, where that has none, one of its own.

    Attributes:
        size: architecture, layers, width, heads.
        alone: whether the teacher has no tokenizer.
        own_tokenizer: trained on train; None where the teacher has one, or a finished run is only looked at.
    """

    size: Scratch
    alone: bool = False
    own_tokenizer: PreTrainedTokenizerBase | None = None

    @classmethod
    def resolve(cls, section: Student, surroundings: Surroundings) -> Self:
        """Check that texts are not longer than the student has positions for; train a tokenizer if the teacher has none.

        Raises:
            ModelError: they are.
        """
        check_positions(surroundings.max_length, POSITIONS, key="student.from_scratch")
        size, train = cast("Scratch", section.from_scratch), surroundings.train
        if train is None:
            return cls(size)
        texts = [text for row in train.segments() for text in row]
        return cls(size, alone=True, own_tokenizer=train_wordpiece(texts, vocabulary=size.vocabulary or VOCABULARY))

    @property
    def tokenizer(self) -> PreTrainedTokenizerBase | None:
        """Its own; None where it reads with its teacher's."""
        return self.own_tokenizer

    def key(self, *, teacher: str, teacher_tokenizer: str) -> dict[str, Any]:
        """Its size and the tokenizer; one of its own follows from train and the size of its vocabulary."""
        del teacher
        size = self.size.model_dump(mode="json", exclude=None if self.alone else {"vocabulary"})
        return form_key(from_scratch=size, tokenizer=None if self.alone else teacher_tokenizer)

    def build(self, context: BuildContext) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
        """Draw the weights."""
        tokenizer = self.own_tokenizer or context.teacher_tokenizer
        model = model_from_scratch(self.size, tokenizer, context.label_names, seed=context.seed)
        return model, for_model(tokenizer, model)
