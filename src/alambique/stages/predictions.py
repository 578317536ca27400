"""Every model's logits on valid and test, kept by row, and what they are worth."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from transformers import PreTrainedModel

from alambique.artefacts.predictions import PARAMETERS, write_predictions
from alambique.artefacts.splits import Split, Splits
from alambique.evaluation.baselines import Tfidf, majority_logits
from alambique.inference.torch_model import predict_logits, to_device
from alambique.models.pretrained import load_finished
from alambique.models.tokenizer import load_tokenizer
from alambique.progress import Reporter, Step
from alambique.recipe.recipe import Recipe
from alambique.run.folder import RunFolder
from alambique.run.integrity import write_text
from alambique.run.layout import MAJORITY, PREDICTIONS, TFIDF
from alambique.run.manifest import Artefact

LogitsOf = Callable[[Split], np.ndarray]


def evaluate(run: RunFolder, recipe: Recipe, name: str, model: Artefact, splits: Splits, *, reporter: Reporter) -> None:
    """Score a saved model on valid and test, and keep its logits."""

    def load(step: Step) -> tuple[LogitsOf, int]:
        scorer, network = load_scorer(model.folder, name, max_length=recipe.data.max_length, advance=step.advance)
        return scorer, network.num_parameters()

    _predictions_stage(run, name, {"model": model.digest, "max_length": recipe.data.max_length}, splits, load, reporter)


def evaluate_baselines(run: RunFolder, splits: Splits, *, reporter: Reporter) -> None:
    """Score the majority class and TF-IDF with logistic regression, both fitted on train, and keep their logits."""
    classes = len(splits.label_names)

    def majority(_: Step) -> tuple[LogitsOf, int]:
        return lambda split: majority_logits(splits.train, len(split), classes), 0

    def tfidf(_: Step) -> tuple[LogitsOf, int]:
        model = Tfidf(splits.train)
        return lambda split: model.logits(split, classes), model.parameters

    for name, load in ((MAJORITY, majority), (TFIDF, tfidf)):
        _predictions_stage(run, name, {"train": splits.train.digest}, splits, load, reporter)


def load_scorer(
    folder: Path, name: str, *, max_length: int, advance: Callable[[int], None] | None = None
) -> tuple[LogitsOf, PreTrainedModel]:
    """A saved model as a function from a split to its logits."""
    tokenizer = load_tokenizer(folder, key=name)
    network = to_device(load_finished(folder, key=name))

    def logits_of(split: Split) -> np.ndarray:
        return predict_logits(network, tokenizer, split.segments(), max_length=max_length, advance=advance)

    return logits_of, network


def _predictions_stage(
    run: RunFolder,
    name: str,
    inputs: dict[str, Any],
    splits: Splits,
    load: Callable[[Step], tuple[LogitsOf, int]],
    reporter: Reporter,
) -> None:
    scored = (splits.valid, splits.test)
    key = {"inputs": inputs, "splits": {split.name: split.digest for split in scored}, "labels": splits.label_names}

    def make(work: Path) -> None:
        with reporter.stage(f"scoring {name}") as step:
            step.start(sum(map(len, scored)))
            logits_of, parameters = load(step)
            for split in scored:
                write_predictions(work / f"{split.name}.parquet", split.ids, split.labels, logits_of(split))
        write_text(work / PARAMETERS, json.dumps({"parameters": parameters}))

    run.stage(f"{PREDICTIONS}/{name}", key, make)
