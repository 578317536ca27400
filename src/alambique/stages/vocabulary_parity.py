"""What cutting the vocabulary costs a student: its decisions on valid beside those of the same student with all tokens."""

import json
from dataclasses import dataclass
from pathlib import Path

import torch

from alambique.artefacts.splits import Split
from alambique.artefacts.token_vectors import TokenVectors
from alambique.artefacts.tokens import tokenize_rows
from alambique.evaluation.intervals import interval_over
from alambique.evaluation.task import Thresholds
from alambique.evaluation.tasks import TASKS
from alambique.inference.torch_model import predict_tokens, to_device
from alambique.models.cut_vocabulary import CutVocabulary, with_all_tokens
from alambique.models.pretrained import load_finished
from alambique.models.student_form import BuildContext
from alambique.models.tokenizer import load_tokenizer
from alambique.progress import Reporter
from alambique.run.folder import RunFolder
from alambique.run.integrity import write_text
from alambique.run.layout import STUDENT, VOCABULARY_FACTS, VOCABULARY_PARITY
from alambique.run.manifest import Artefact
from alambique.run.stage import Inputs, Stage, derived, keyed


@dataclass(frozen=True)
class VocabularyParityInputs(Inputs):
    """The trained student, and what the same one with all tokens is made of."""

    student: Artefact = keyed("inputs", "student", value=lambda student: student.digest)
    valid: Split = keyed("inputs", "valid", value=lambda split: split.digest)
    max_length: int = keyed("max_length")
    form: CutVocabulary = derived("student")
    teacher: Artefact = derived("student")
    label_names: tuple[str, ...] = derived("student")
    seed: int = derived("student")
    task: str = derived("valid")
    token_vectors: TokenVectors | None = derived("student")


def _make(inputs: VocabularyParityInputs, work: Path, reporter: Reporter) -> None:
    del reporter
    if inputs.form.kept is None or inputs.form.read_with is None:
        raise ValueError("the form of a finished run is only looked at")
    cut = inputs.form.trainable(load_finished(inputs.student.folder, key=STUDENT))
    context = BuildContext(
        lambda: load_finished(inputs.teacher.folder, key="teacher"),
        inputs.form.read_with,
        inputs.label_names,
        inputs.seed,
        inputs.token_vectors,
    )
    with torch.random.fork_rng():
        start, tokenizer = inputs.form.whole.build(context)
    whole = with_all_tokens(cut, start, inputs.form.kept.ids)
    pairs = ((whole, tokenizer), (cut, load_tokenizer(inputs.student.folder, key=STUDENT)))
    before, after = (
        predict_tokens(to_device(model), tokenize_rows(reads, inputs.valid.segments(), max_length=inputs.max_length))
        for model, reads in pairs
    )
    task, labels = TASKS[inputs.task], inputs.valid.labels
    thresholds = Thresholds(*(task.fit_thresholds(logits, labels) for logits in (before, after)))
    drop = interval_over([task.gain(before, after, labels, thresholds)])
    given = [task.decide(*each).reshape(len(labels), -1) for each in zip((before, after), thresholds, strict=True)]
    facts = {
        "macro_f1": [task.on_valid("macro_f1", logits, labels) for logits in (before, after)],
        "drop": {"mean": drop.mean, "low": drop.low, "high": drop.high},
        "agreement": float((given[0] == given[1]).all(-1).mean()),
    }
    write_text(work / VOCABULARY_FACTS, json.dumps(facts, indent=1))


def compare_vocabularies(run: RunFolder, inputs: VocabularyParityInputs, reporter: Reporter) -> None:
    """Keep in ``vocabulary_parity`` what the smaller vocabulary costs on valid.

    The student with all tokens is the trained one with the embeddings of its start for the tokens that it never met: as
    these have no gradient in training, that is what training with all tokens would give, but for weight decay.

    Args:
        run: where the student is.
        inputs: the student, its form and valid.
        reporter: where progress goes.
    """
    Stage(VOCABULARY_PARITY, _make).run(run, inputs, reporter)
