"""The static form of student: vectors of tokens from an encoder's outputs, their mean, a small head."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self, cast

import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase, set_seed

from alambique.errors import ModelError
from alambique.models.labels import label_config
from alambique.models.pretrained import PretrainedFolder, find_pretrained
from alambique.models.static_config import StaticConfig
from alambique.models.static_model import StaticForSequenceClassification, pack, unpack
from alambique.models.student_form import BuildContext, StudentForm, Surroundings, form_key
from alambique.models.token_vectors import ENCODER_KEY, KEY, VectorSource, vocabulary_size
from alambique.models.tokenizer import for_model, load_tokenizer
from alambique.recipe.sections import Student
from alambique.recipe.static import Static


@dataclass(frozen=True)
class StaticStudent(StudentForm):
    """A student without attention, which reads with its encoder's tokenizer.

    Attributes:
        section: its keys in the recipe.
        encoder: the model whose outputs its vectors begin with; None: the teacher.
        own_tokenizer: the encoder's; None where that is the teacher, or a finished run is only looked at.
    """

    section: Static
    encoder: PretrainedFolder | None = None
    own_tokenizer: PreTrainedTokenizerBase | None = None

    @classmethod
    def resolve(cls, section: Student, surroundings: Surroundings) -> Self:
        """Find the encoder.

        Raises:
            ModelError: it cannot be had; or none is named, and the teacher has no weights.
        """
        form = cast("Static", section.static)
        if form.encoder is not None:
            encoder = find_pretrained(form.encoder, key=ENCODER_KEY)
            return cls(form, encoder, load_tokenizer(encoder.folder, key=ENCODER_KEY))
        if surroundings.teacher_config is None:
            raise ModelError(
                f"{KEY}: begins with a teacher's outputs for each token, and this teacher has none. Name a model for them: "
                f"{ENCODER_KEY}."
            )
        return cls(form)

    @property
    def tokenizer(self) -> PreTrainedTokenizerBase | None:
        """The encoder's; None where the teacher is the encoder."""
        return self.own_tokenizer

    @property
    def weights(self) -> Path | None:
        """The encoder's folder."""
        return None if self.encoder is None else self.encoder.folder

    @property
    def vector_source(self) -> VectorSource:
        """Its encoder, and how the outputs become vectors."""
        return VectorSource(self.section.width, self.section.frequency, self.encoder, self.own_tokenizer)

    def key(self, *, teacher: str, teacher_tokenizer: str) -> dict[str, Any]:
        """Its keys of the recipe; teacher and tokenizer are known by its first vectors."""
        del teacher, teacher_tokenizer
        key = form_key()
        return {**key, "recipe": {**key["recipe"], "static": self.section.key()}}

    def build(self, context: BuildContext) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
        """Take the vectors over and draw the head; without vectors, draw these too."""
        tokenizer, vectors = self.own_tokenizer or context.teacher_tokenizer, context.token_vectors
        size = vocabulary_size(tokenizer)
        section = self.section
        set_seed(context.seed)
        model = StaticForSequenceClassification(
            StaticConfig(
                vocab_size=size, hidden_size=section.width if vectors is None else vectors.values.shape[1],
                head_size=section.head, dropout=section.dropout, n_grams=section.n_grams, buckets=section.buckets,
                pad_token_id=tokenizer.pad_token_id, **label_config(context.label_names),
            )
        )  # fmt: skip
        if vectors is not None:
            with torch.no_grad():
                cast("torch.nn.Embedding", model.embeddings).weight.copy_(torch.from_numpy(vectors.values.copy()))
        return model, for_model(tokenizer, model)

    def stored(self, model: PreTrainedModel) -> PreTrainedModel:
        """With its vectors in 8 bits, unless the recipe wants them whole."""
        static = cast("StaticForSequenceClassification", model)
        return pack(static) if self.section.storage == "int8" else model

    def trainable(self, model: PreTrainedModel) -> PreTrainedModel:
        """With its vectors in float32."""
        return unpack(cast("StaticForSequenceClassification", model))
