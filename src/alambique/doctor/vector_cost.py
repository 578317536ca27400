"""What the first vectors of a static student cost: the whole vocabulary goes through the encoder once per teacher."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from transformers import PreTrainedModel, PreTrainedTokenizerBase

from alambique.inference.torch_model import to_device
from alambique.models.student_form import StudentForm
from alambique.models.token_vectors import encode_vocabulary, vocabulary_size
from alambique.stages.token_vectors import load_named_encoder

_SAMPLE = 256  # entries that are timed


@dataclass(frozen=True)
class VectorCost:
    """What the encoder takes.

    Attributes:
        seconds: for the whole vocabulary.
        memory: bytes beside the process itself: the weights, twice while they are loaded.
    """

    seconds: float
    memory: int


def vector_cost(
    form: StudentForm, load_teacher: Callable[[], PreTrainedModel], tokenizer: PreTrainedTokenizerBase
) -> VectorCost | None:
    """Time the encoder on a few entries of the vocabulary; None for a form that begins without vectors.

    Args:
        form: of the student.
        load_teacher: the encoder, where the recipe names no other.
        tokenizer: of the encoder.

    Raises:
        ModelError: the encoder cannot be loaded, or gives no output for each token.
    """
    source = form.vector_source
    if source is None:
        return None
    model = to_device(load_teacher() if source.encoder is None else load_named_encoder(source))
    entries = vocabulary_size(tokenizer)
    timed = min(_SAMPLE, entries)
    encode_vocabulary(model, tokenizer, size=1)
    begun = time.perf_counter()
    encode_vocabulary(model, tokenizer, size=timed)
    seconds = (time.perf_counter() - begun) * entries / timed
    return VectorCost(seconds, 2 * sum(weight.nbytes for weight in model.parameters()))
