"""A teacher without weights: its answers to every row, got once and kept in ``teacher/``."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from alambique.artefacts.answers import write_answers
from alambique.artefacts.splits import Splits
from alambique.inference.answering import AnswerSource
from alambique.progress import Reporter
from alambique.run.folder import RunFolder
from alambique.run.layout import ASKED, SCRATCH, TEACHER
from alambique.run.manifest import Artefact
from alambique.run.stage import Inputs, Stage, keyed


def _splits_key(splits: Splits) -> dict[str, Any]:
    return {"labels": splits.label_names, **{split.name: split.digest for split in splits}}


@dataclass(frozen=True)
class AnswerInputs(Inputs):
    """What answers, and the rows."""

    source: AnswerSource = keyed(value=lambda source: source.key())
    splits: Splits = keyed("inputs", value=_splits_key)


def _make(inputs: AnswerInputs, work: Path, reporter: Reporter, *, kept: Path) -> None:
    scratch = work / SCRATCH
    scratch.mkdir(exist_ok=True)
    logits, facts = inputs.source.answer(inputs.splits, scratch, reporter, kept=kept)
    write_answers(work, inputs.splits, logits, facts)


def make_answers(
    run: RunFolder, source: AnswerSource, splits: Splits, reporter: Reporter, *, name: str = TEACHER
) -> Artefact:
    """Get a teacher's answers to train, valid and test.

    Args:
        run: where.
        source: what answers.
        splits: the rows.
        reporter: where progress goes.
        name: of the teacher's folder.
    """
    kept = run.path / ASKED  # a teacher of a list has a budget of its own
    stage = Stage(TEACHER, partial(_make, kept=kept if name == TEACHER else kept / Path(name).name))
    return stage.run(run, AnswerInputs(source, splits), reporter, name=name)
