"""The vectors that a static student begins with: once for student and twins, since an encoder reads the whole vocabulary."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from alambique.artefacts.kept_vocabulary import KeptVocabulary
from alambique.artefacts.splits import Split
from alambique.artefacts.token_vectors import TokenVectors, read_token_vectors, write_token_vectors
from alambique.artefacts.tokens import MIXED, Tokens
from alambique.artefacts.unlabelled import Unlabelled
from alambique.inference.torch_model import to_device
from alambique.models.pretrained import PretrainedFolder, load_finished, load_to_train
from alambique.models.token_vectors import ENCODER_KEY, VectorSource, begin, encode_vocabulary, vocabulary_size
from alambique.models.tokenizer import load_tokenizer
from alambique.models.vocabulary import count_tokens
from alambique.progress import Reporter
from alambique.run.folder import RunFolder
from alambique.run.layout import TEACHER, TOKEN_VECTORS
from alambique.run.manifest import Artefact
from alambique.run.stage import Inputs, Stage, derived, keyed


@dataclass(frozen=True)
class TokenVectorInputs(Inputs):
    """The encoder, which is the teacher unless the recipe names another, and the texts whose tokens are counted."""

    source: VectorSource = keyed(value=VectorSource.key)
    teacher: Artefact | None = keyed("inputs", "teacher", value=lambda each: None if each is None else each.digest)
    max_length: int = keyed("max_length")
    train: Split = keyed("inputs", "train", value=lambda split: split.digest)
    unlabelled: Unlabelled | None = keyed(
        "inputs", "unlabelled", value=lambda rows: None if rows is None else rows.digest
    )
    vocabulary: str | None = keyed("inputs", "vocabulary")  # the digest of the tokens that stay, where it is cut
    kept: KeptVocabulary | None = derived("vocabulary")
    tokens: Mapping[str, Tokens] = derived("source", "teacher", "max_length", "train", "unlabelled", "vocabulary")


def _make(inputs: TokenVectorInputs, work: Path, reporter: Reporter) -> None:
    model, tokenizer = _encoder(inputs)
    size = vocabulary_size(tokenizer)
    with reporter.stage("token vectors") as step:
        step.start(size)
        outputs = encode_vocabulary(to_device(model), tokenizer, advance=step.advance)
    source = inputs.source
    vectors = begin(outputs, _counts(inputs, size), width=source.width, a=source.frequency)
    write_token_vectors(vectors, work)


def _encoder(inputs: TokenVectorInputs) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    if inputs.teacher is not None:
        folder = inputs.teacher.folder
        return load_finished(folder, key=TEACHER), load_tokenizer(folder, key=TEACHER)
    return load_named_encoder(inputs.source), cast("PreTrainedTokenizerBase", inputs.source.tokenizer)


def load_named_encoder(source: VectorSource) -> PreTrainedModel:
    """The encoder that a recipe names, below a head that is not used.

    Raises:
        ModelError: it cannot be loaded.
    """
    return load_to_train(cast("PretrainedFolder", source.encoder), ("0", "1"), key=ENCODER_KEY, seed=0)


def _counts(inputs: TokenVectorInputs, size: int) -> np.ndarray:
    """(V,) how often each token of the whole vocabulary occurs in the texts that count."""
    ids = inputs.tokens[MIXED if inputs.unlabelled is not None else inputs.train.name].columns["input_ids"]
    if inputs.kept is None:
        return count_tokens([ids], size)
    counts = np.zeros(size, dtype=np.int64)
    counts[inputs.kept.ids] = count_tokens([ids], len(inputs.kept.ids))
    return counts


def make_token_vectors(run: RunFolder, inputs: TokenVectorInputs | None, reporter: Reporter) -> TokenVectors | None:
    """The vectors of all entries of the student's whole vocabulary, kept in the run's folder ``token_vectors``.

    Args:
        run: where.
        inputs: encoder and texts; None for a student that begins without such vectors, as the result then is.
        reporter: where progress goes.

    Raises:
        ModelError: the encoder cannot be loaded, or gives no output for each token.
    """
    if inputs is None:
        return None
    artefact = Stage(TOKEN_VECTORS, _make).run(run, inputs, reporter)
    return read_token_vectors(artefact.folder, artefact.digest)
