"""What a form of student is: found and checked before anything is written, then built by seed.

To add a form, write its frozen class in a file of its own (``from_teacher.py`` is an example), name it in
:data:`alambique.stages.student.FORMS`, and give the recipe's ``student`` section its key.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from transformers import PreTrainedConfig, PreTrainedModel, PreTrainedTokenizerBase

from alambique.artefacts.splits import Split
from alambique.artefacts.token_vectors import TokenVectors
from alambique.models.token_vectors import VectorSource


@dataclass(frozen=True)
class Surroundings:
    """What a form is checked against.

    Attributes:
        label_names: the classes.
        max_length: where texts are cut, in tokens.
        teacher_config: of the teacher before it is trained; its architecture and layers are what counts. None for a teacher
            without weights.
        pairs: whether rows have two segments.
        train: rows to train a tokenizer on, where the teacher has none.
    """

    label_names: tuple[str, ...]
    max_length: int
    teacher_config: PreTrainedConfig | None
    pairs: bool = False
    train: Split | None = None


@dataclass(frozen=True)
class BuildContext:
    """What a student is built with.

    Attributes:
        load_teacher: loads the trained teacher, for a student made of its layers.
        teacher_tokenizer: becomes the student's, unless it has one of its own, which then stands here where the teacher has
            none; a copy is given out.
        label_names: the classes.
        seed: of all weights that are not taken over.
        token_vectors: what the vectors of a static student begin with; None for other forms, and for one that is only
            tried.
    """

    load_teacher: Callable[[], PreTrainedModel]
    teacher_tokenizer: PreTrainedTokenizerBase
    label_names: tuple[str, ...]
    seed: int
    token_vectors: TokenVectors | None = None


class StudentForm(ABC):
    """Base of the forms; frozen. A class method ``resolve(section, surroundings)`` finds and checks one."""

    @property
    def tokenizer(self) -> PreTrainedTokenizerBase | None:
        """The form's own tokenizer; None if the student reads with its teacher's."""
        return None

    @property
    def weights(self) -> Path | None:
        """The folder of a checkpoint of its own that it starts from."""
        return None

    @property
    def vector_source(self) -> VectorSource | None:
        """What the vectors of its tokens are made from, before it is built; None for a form that begins without any."""
        return None

    @abstractmethod
    def key(self, *, teacher: str, teacher_tokenizer: str) -> dict[str, Any]:
        """The parts of the stage's manifest key that say what the untrained student is.

        Args:
            teacher: digest of the teacher's artefact.
            teacher_tokenizer: digest of its tokenizer.
        """

    @abstractmethod
    def build(self, context: BuildContext) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
        """The untrained student and its tokenizer; the same context gives the same weights."""

    def stored(self, model: PreTrainedModel) -> PreTrainedModel:
        """The trained student as it is saved: the same one, unless the form has a smaller way to store it."""
        return model

    def trainable(self, model: PreTrainedModel) -> PreTrainedModel:
        """A saved student as it was trained; what :meth:`stored` rounded stays rounded."""
        return model


def form_key(
    *, from_teacher: Any = None, from_scratch: Any = None, checkpoint: str | None = None, teacher: str | None = None,
    tokenizer: str | None = None,
) -> dict[str, Any]:  # fmt: skip
    """The parts of a key in the places that every form has."""
    return {
        "recipe": {"from_teacher": from_teacher, "from_scratch": from_scratch},
        "inputs": {"checkpoint": checkpoint, "teacher": teacher, "tokenizer": tokenizer},
    }
