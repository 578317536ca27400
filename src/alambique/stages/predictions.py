"""Every model's logits on valid and test, by row id."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from transformers import PreTrainedModel

from alambique.artefacts.answers import answer_facts, read_answers
from alambique.artefacts.predictions import KEPT, PARAMETERS, Predictions, read_scored, write_predictions
from alambique.artefacts.soft_labels import Mean, SoftLabels
from alambique.artefacts.splits import Split, Splits
from alambique.artefacts.tokens import Tokens
from alambique.evaluation.tasks import TASKS
from alambique.inference.torch_model import open_in_torch, predict_tokens, to_device
from alambique.models.pretrained import load_finished
from alambique.progress import Reporter, Step
from alambique.run.folder import RunFolder
from alambique.run.integrity import write_text
from alambique.run.layout import ENSEMBLE, MAJORITY, PREDICTIONS, TFIDF
from alambique.run.manifest import Artefact
from alambique.run.stage import Inputs, Stage, derived, keyed

LogitsOf = Callable[[Split], np.ndarray]


def _scored_key(splits: Splits) -> dict[str, Any]:
    return {
        "splits": {split.name: split.digest for split in (splits.valid, splits.test)},
        "labels": splits.label_names,
    }


@dataclass(frozen=True)
class ScoringInputs(Inputs):
    """A trained model and the rows it scores."""

    model: Artefact = keyed("inputs", "model", value=lambda model: model.digest)
    max_length: int = keyed("inputs", "max_length")
    splits: Splits = keyed(value=_scored_key)
    tokens: Mapping[str, Tokens] = derived("model", "splits", "max_length")


def _fitted_key(splits: Splits) -> dict[str, Any]:
    return {"inputs": {"train": splits.train.digest}, **_scored_key(splits)}


@dataclass(frozen=True)
class BaselineInputs(Inputs):
    """The rows that a baseline is fitted on and scored on."""

    splits: Splits = keyed(value=_fitted_key)


def evaluate(
    run: RunFolder, name: str, model: Artefact, splits: Splits, tokens: Mapping[str, Tokens], *, max_length: int,
    reporter: Reporter,
) -> None:  # fmt: skip
    """Score a saved model on valid and test, and keep its logits.

    Args:
        run: where.
        name: of the model, such as ``teacher`` or ``student``.
        model: its artefact.
        splits: the rows.
        tokens: of them, by the model's tokenizer.
        max_length: where texts are cut, in tokens.
        reporter: where progress goes.
    """

    def make(inputs: ScoringInputs, work: Path, reporter: Reporter) -> None:
        def load(step: Step) -> tuple[LogitsOf, int]:
            network = to_device(load_finished(inputs.model.folder, key=name))
            return (
                lambda split: predict_tokens(network, inputs.tokens[split.name], advance=step.advance),
                network.num_parameters(),
            )

        _score(name, inputs.splits, load, work, reporter)

    Stage(f"{PREDICTIONS}/{name}", make).run(run, ScoringInputs(model, max_length, splits, tokens), reporter)


@dataclass(frozen=True)
class AnsweredInputs(Inputs):
    """A teacher's answers, and the rows of which they are predictions."""

    answers: Artefact = keyed("inputs", "model", value=lambda answers: answers.digest)
    splits: Splits = keyed(value=_scored_key)


def _take_answers(inputs: AnsweredInputs, work: Path, reporter: Reporter) -> None:
    del reporter
    for split in (inputs.splits.valid, inputs.splits.test):
        logits = read_answers(inputs.answers.folder, split)
        write_predictions(work / f"{split.name}.parquet", split.ids, split.labels, logits)
    parameters = answer_facts(inputs.answers.folder)["parameters"]
    write_text(work / PARAMETERS, json.dumps({"parameters": parameters, KEPT: False}))


def evaluate_answers(run: RunFolder, name: str, answers: Artefact, splits: Splits, *, reporter: Reporter) -> None:
    """Keep a teacher's answers to valid and test as its predictions."""
    Stage(f"{PREDICTIONS}/{name}", _take_answers).run(run, AnsweredInputs(answers, splits), reporter)


@dataclass(frozen=True)
class EnsembleInputs(Inputs):
    """The teachers that labelled train, and the rows they are scored on together."""

    # which follow from teachers and settings
    labels: SoftLabels = keyed("inputs", "soft_labels", value=lambda labels: labels.digest)
    splits: Splits = keyed(value=_scored_key)
    members: tuple[Predictions, ...] = derived("labels", "splits")
    mean: Mean = derived("labels")


def evaluate_ensemble(
    run: RunFolder, labels: SoftLabels, members: Sequence[str], splits: Splits, mean: Mean, *, reporter: Reporter
) -> None:
    """Combine the predictions of the teachers as their soft labels were combined, and keep the logits.

    On valid and test every teacher counts, those of all folds too: none of them was trained on these rows.

    Args:
        run: where.
        labels: what they gave train.
        members: names of the teachers, in the order of the labels' temperatures and weights.
        splits: the rows.
        mean: as that of the labels.
        reporter: where progress goes.
    """

    def make(inputs: EnsembleInputs, work: Path, reporter: Reporter) -> None:
        del reporter
        temperatures = inputs.labels.worth.get("temperatures", [1.0] * len(inputs.members))
        weights = inputs.labels.worth.get("weights")
        for split in (inputs.splits.valid, inputs.splits.test):
            terms = [
                inputs.mean.term(m.logits[split.name], t) for m, t in zip(inputs.members, temperatures, strict=True)
            ]
            logits = inputs.mean.logits(np.average(terms, axis=0, weights=weights))
            write_predictions(work / f"{split.name}.parquet", split.ids, split.labels, logits)
        sizes = [each.parameters for each in inputs.members]
        parameters = None if None in sizes else sum(size for size in sizes if size is not None)
        write_text(work / PARAMETERS, json.dumps({"parameters": parameters}))

    scored = tuple(read_scored(run, name, splits) for name in members)
    inputs = EnsembleInputs(labels, splits, scored, mean)
    Stage(f"{PREDICTIONS}/{ENSEMBLE}", make).run(run, inputs, reporter)


def evaluate_baselines(run: RunFolder, splits: Splits, *, reporter: Reporter) -> None:
    """Score label frequencies and TF-IDF with logistic regression, both fitted on train, and keep their logits."""
    for name, fitted in ((MAJORITY, _majority), (TFIDF, _tfidf)):
        _evaluate_baseline(run, name, fitted, splits, reporter)


def _evaluate_baseline(
    run: RunFolder, name: str, fitted: Callable[[Splits], tuple[LogitsOf, int]], splits: Splits, reporter: Reporter
) -> None:
    def make(inputs: BaselineInputs, work: Path, reporter: Reporter) -> None:
        _score(name, inputs.splits, lambda _: fitted(inputs.splits), work, reporter)

    Stage(f"{PREDICTIONS}/{name}", make).run(run, BaselineInputs(splits), reporter)


def _score(
    name: str, splits: Splits, load: Callable[[Step], tuple[LogitsOf, int]], work: Path, reporter: Reporter
) -> None:
    """Write a model's logits on valid and test, and how many parameters it has; ``load`` gives both."""
    scored = (splits.valid, splits.test)
    with reporter.stage(f"scoring {name}") as step:
        step.start(sum(map(len, scored)))
        logits_of, parameters = load(step)
        for split in scored:
            logits = logits_of(split) if len(split) else np.empty((0, len(splits.label_names)))  # as test of a trial
            write_predictions(work / f"{split.name}.parquet", split.ids, split.labels, logits)
    write_text(work / PARAMETERS, json.dumps({"parameters": parameters}))


def _majority(splits: Splits) -> tuple[LogitsOf, int]:
    return TASKS[splits.task].majority(splits.train, len(splits.label_names))


def _tfidf(splits: Splits) -> tuple[LogitsOf, int]:
    return TASKS[splits.task].tfidf(splits.train, len(splits.label_names))


def load_scorer(
    folder: Path, name: str, *, max_length: int, advance: Callable[[int], None] | None = None
) -> tuple[LogitsOf, PreTrainedModel]:
    """A saved model as a function from a split to its logits, texts tokenised anew."""
    logits, network = open_in_torch(folder, key=name, max_length=max_length, advance=advance)
    return lambda split: logits(split.segments()), network
