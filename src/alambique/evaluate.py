"""Every model's logits on valid and test, kept by row, and what they are worth."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from transformers import PreTrainedModel

from alambique.baselines import MAJORITY, TFIDF, Tfidf, majority_logits
from alambique.checkpoints import load_finished, load_tokenizer
from alambique.data import Split, Splits
from alambique.errors import DamagedArtefactError, RunFolderError
from alambique.inference import predict_logits, to_device
from alambique.logits import read_predictions, write_predictions
from alambique.manifest import Artefact, write_text
from alambique.progress import Reporter, Step
from alambique.recipe import Recipe
from alambique.run import MODELS, PREDICTIONS, RunFolder

PARAMETERS = "parameters.json"
ALL = (*MODELS, TFIDF, MAJORITY)
LogitsOf = Callable[[Split], np.ndarray]


@dataclass(frozen=True)
class Predictions:
    """One model's logits, by split: (rows, C) float32 in the order of the rows.

    Attributes:
        model: its name in the report.
        logits: by split name.
        parameters: how many weights it has.
        size: of its weights on disk in bytes; None if it is not kept.
    """

    model: str
    logits: dict[str, np.ndarray]
    parameters: int
    size: int | None


def evaluate(run: RunFolder, recipe: Recipe, name: str, model: Artefact, splits: Splits, *, show: Reporter) -> None:
    """Score a saved model on valid and test, and keep its logits."""

    def ready(step: Step) -> tuple[LogitsOf, int]:
        scorer, network = load_scorer(model.folder, name, max_length=recipe.data.max_length, advance=step.advance)
        return scorer, network.num_parameters()

    _keep(run, name, {"model": model.digest, "max_length": recipe.data.max_length}, splits, ready, show)


def evaluate_baselines(run: RunFolder, splits: Splits, *, show: Reporter) -> None:
    """Score the majority class and TF-IDF with logistic regression, both fitted on train, and keep their logits."""
    classes = len(splits.label_names)

    def majority(_: Step) -> tuple[LogitsOf, int]:
        return lambda split: majority_logits(splits.train, len(split), classes), 0

    def tfidf(_: Step) -> tuple[LogitsOf, int]:
        model = Tfidf(splits.train)
        return lambda split: model.logits(split, classes), model.parameters

    for name, ready in ((MAJORITY, majority), (TFIDF, tfidf)):
        _keep(run, name, {"train": splits.train.digest}, splits, ready, show)


def load_scorer(
    folder: Path, name: str, *, max_length: int, advance: Callable[[int], None] | None = None
) -> tuple[LogitsOf, PreTrainedModel]:
    """A saved model as a function from a split to its logits."""
    tokenizer = load_tokenizer(folder, key=name)
    network = to_device(load_finished(folder, key=name))

    def logits_of(split: Split) -> np.ndarray:
        return predict_logits(network, tokenizer, split.segments(), max_length=max_length, advance=advance)

    return logits_of, network


def _keep(
    run: RunFolder,
    name: str,
    inputs: dict[str, Any],
    splits: Splits,
    ready: Callable[[Step], tuple[LogitsOf, int]],
    show: Reporter,
) -> None:
    scored = (splits.valid, splits.test)
    key = {"inputs": inputs, "splits": {split.name: split.digest for split in scored}, "labels": splits.label_names}

    def make(work: Path) -> None:
        with show.stage(f"scoring {name}") as step:
            step.start(sum(map(len, scored)))
            logits_of, parameters = ready(step)
            for split in scored:
                write_predictions(work / f"{split.name}.parquet", split.ids, split.labels, logits_of(split))
        write_text(work / PARAMETERS, json.dumps({"parameters": parameters}))

    run.stage(f"{PREDICTIONS}/{name}", key, make)


def read_scored(run: RunFolder, name: str, splits: Splits) -> Predictions:
    """A model's kept logits.

    Raises:
        RunFolderError: the run has none for these rows.
        DamagedArtefactError: a file does not hold what its manifest says.
    """
    folder = run.path / PREDICTIONS / name
    if folder.is_dir():
        run.finished(f"{PREDICTIONS}/{name}")
    try:
        logits = {s.name: read_predictions(folder / f"{s.name}.parquet", s.ids) for s in (splits.valid, splits.test)}
        parameters = int(json.loads((folder / PARAMETERS).read_text("utf-8"))["parameters"])
    except (OSError, ValueError, KeyError, DamagedArtefactError) as error:
        raise RunFolderError(
            f"{folder} does not hold the predictions of {name} for the rows of this run. Run alambique distill again."
        ) from error
    size = weight_bytes(run.path / name) if name in MODELS else None
    if size == 0:
        raise RunFolderError(f"{run.path / name} holds no weights. Run alambique distill again.")
    return Predictions(name, logits, parameters, size)


def weight_bytes(folder: Path) -> int:
    """Bytes of a saved model's weights."""
    return sum(path.stat().st_size for path in folder.glob("*.safetensors"))
