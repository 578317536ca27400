"""Soft labels: the teacher's logits on train, computed once."""

from pathlib import Path

from alambique.checkpoints import load_finished, load_tokenizer, tokenizer_digest
from alambique.data import Splits
from alambique.inference import predict_logits, to_device
from alambique.logits import SoftLabels, read_soft_labels, write_soft_labels
from alambique.manifest import Artefact
from alambique.progress import Reporter
from alambique.recipe import Recipe
from alambique.run import SOFT_LABELS, RunFolder


def label(run: RunFolder, recipe: Recipe, teacher: Artefact, splits: Splits, *, show: Reporter) -> SoftLabels:
    """Run the teacher over train once, in eval mode, with its own tokenizer and inputs, and keep the logits."""
    key = {
        "max_length": recipe.data.max_length,
        "inputs": {"teacher": teacher.digest, "train": splits.train.digest, "labels": splits.label_names},
    }

    def make(work: Path) -> None:
        tokenizer = load_tokenizer(teacher.folder, key="teacher")
        model = to_device(load_finished(teacher.folder, key="teacher"))
        with show.stage("soft labels") as step:
            step.start(len(splits.train))
            logits = predict_logits(
                model, tokenizer, splits.train.segments(), max_length=recipe.data.max_length, advance=step.advance
            )
        made_from = {
            "teacher": teacher.digest, "tokenizer": tokenizer_digest(teacher.folder), "text": splits.train.digest,
        }  # fmt: skip
        write_soft_labels(SoftLabels(splits.train.ids, logits, splits.label_names, made_from), work)

    artefact = run.stage(SOFT_LABELS, key, make)
    return read_soft_labels(artefact.folder, artefact.digest)
