"""A student that starts from a checkpoint of its own: a Hub id, a local folder, a package."""

from dataclasses import dataclass
from typing import Any, Self, cast

from transformers import PreTrainedModel, PreTrainedTokenizerBase

from alambique.models.pretrained import (
    PretrainedFolder,
    check_length,
    find_pretrained,
    load_to_train,
)
from alambique.models.student_form import BuildContext, StudentForm, Surroundings, form_key
from alambique.models.tokenizer import load_tokenizer
from alambique.models.trial import Conditions, check_weights
from alambique.recipe.sections import Student

KEY = "student.model"


@dataclass(frozen=True)
class FromPretrained(StudentForm):
    """A student with weights and a tokenizer of its own."""

    checkpoint: PretrainedFolder
    own_tokenizer: PreTrainedTokenizerBase | None

    @classmethod
    def resolve(cls, section: Student, surroundings: Surroundings) -> Self:
        """Find the checkpoint and load it once, so that what is wrong with it is said before anything is trained.

        Raises:
            ModelError: it cannot be had or trained, or reads shorter texts.
            MisfitError: it does not fit its tokenizer, or cannot be run.
        """
        checkpoint = find_pretrained(cast("str", section.model), key=KEY)
        check_length(checkpoint.folder, surroundings.max_length, key=KEY)
        tokenizer = load_tokenizer(checkpoint.folder, key=KEY)
        conditions = Conditions(KEY, surroundings.label_names, surroundings.max_length, surroundings.pairs)
        check_weights(checkpoint, tokenizer, conditions)
        return cls(checkpoint, tokenizer)

    @property
    def tokenizer(self) -> PreTrainedTokenizerBase | None:
        """That of the checkpoint; None where a finished run is only looked at."""
        return self.own_tokenizer

    def key(self, *, teacher: str, teacher_tokenizer: str) -> dict[str, Any]:
        """The checkpoint's digest."""
        del teacher, teacher_tokenizer
        return form_key(checkpoint=self.checkpoint.digest)

    def build(self, context: BuildContext) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
        """Load the checkpoint; a head that it lacks is drawn by seed."""
        tokenizer = load_tokenizer(self.checkpoint.folder, key=KEY)
        model = load_to_train(self.checkpoint, context.label_names, key=KEY, seed=context.seed, tokenizer=tokenizer)
        return model, tokenizer
