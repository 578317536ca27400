"""The run of one form: student and twin trained, exported, scored on valid; test is not there."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from alambique.artefacts.predictions import PARAMETERS, read_predictions, write_predictions
from alambique.artefacts.splits import Split
from alambique.errors import CorruptArtefactError
from alambique.evaluation.verdict import verdict
from alambique.frontier.forms import Form
from alambique.frontier.variant import Precision, Variant, exported
from alambique.pipeline import begun, train_all
from alambique.progress import Reporter
from alambique.recipe.recipe import Recipe
from alambique.report.results import RunResults, read_results
from alambique.run.folder import RunFolder
from alambique.run.integrity import read_json, write_text
from alambique.run.layout import EXPORT_FACTS, ONNX, PREDICTIONS, STUDENT
from alambique.run.manifest import Artefact
from alambique.run.stage import Inputs, Stage, keyed
from alambique.stages.export import FORMATS, export_student
from alambique.stages.predictions import evaluate_baselines
from alambique.training.stopping import epochs_made
from alambique.trials.on_valid import OnValid

_INT8 = f"{PREDICTIONS}/student_int8"


@dataclass(frozen=True)
class _Int8Inputs(Inputs):
    """A student that was exported in 8 bits, and the rows it scores."""

    files: Artefact = keyed("inputs", "onnx", value=lambda files: files.digest)
    valid: Split = keyed("inputs", "valid", value=lambda split: split.digest)


@dataclass(frozen=True)
class TrainedForm:
    """A form whose run is made.

    Attributes:
        form: which.
        results: of its run.
        variants: the student in each precision.
    """

    form: Form
    results: RunResults
    variants: tuple[Variant, ...]

    @property
    def verdict(self) -> dict[str, Any]:
        """Whether distillation helped, on valid."""
        results = self.results
        return verdict(
            results.trainings, results.splits.valid, results.task, students=results.recipe.student.seeds,
            over=results.stronger_twin, valid=results.splits.valid,
        )  # fmt: skip

    @property
    def epochs(self) -> tuple[int, ...]:
        """That each training of the student made."""
        made = (epochs_made(place.path / STUDENT) for place in _places(self.results.run, self.results.recipe))
        return tuple(epochs for epochs in made if epochs is not None)


def train_form(recipe: Recipe, folder: Path, siblings: tuple[Path, ...], reporter: Reporter) -> None:
    """Make the run of a form, or what is missing of it.

    Args:
        recipe: of the form.
        folder: its run.
        siblings: the runs of other forms, whose teachers and soft labels are taken over.
        reporter: receives the progress.

    Raises:
        UserInputError: as :func:`alambique.pipeline.distill`.
        WeakTeacherError: the teacher is not better than guessing.
        NonFiniteError: a loss is not finite.
    """
    with begun(recipe, folder, reporter, siblings=siblings, with_test=False) as (run, job):
        if job.splits.labelled_train:
            evaluate_baselines(run, job.splits, reporter=reporter)
        train_all(run, job, reporter)
        if recipe.student.static is not None:
            return
        for place in _places(run, recipe):
            facts = export_student(place, recipe, job.splits, FORMATS, strict=False, reporter=reporter)
            if facts["models"]["int8"]["file"] is not None:
                inputs = _Int8Inputs(place.artefact(ONNX), job.splits.valid)
                Stage(_INT8, _score_int8).run(place, inputs, reporter)


def _score_int8(inputs: _Int8Inputs, work: Path, reporter: Reporter) -> None:
    valid = inputs.valid
    with reporter.stage("scoring student in int8"):
        logits = exported(RunFolder(inputs.files.folder.parent), "int8")(valid.segments())
        write_predictions(work / f"{valid.name}.parquet", valid.ids, valid.labels, logits)
    write_text(work / PARAMETERS, json.dumps({"parameters": None}))


def read_form(form: Form, folder: Path) -> TrainedForm:
    """A form whose run is made, from its folder.

    Raises:
        RunFolderError: the run is not complete.
        CorruptArtefactError: an artefact of it is damaged.
    """
    results = read_results(RunFolder(folder))
    variants = _static(results) if results.recipe.student.static is not None else _exported(results)
    return TrainedForm(form, results, tuple(variants))


def _places(run: RunFolder, recipe: Recipe) -> list[RunFolder]:
    """Where each training of the student lies."""
    return [each.student(number) for each in run.seeds_of(recipe).values() for number in range(recipe.student.seeds)]


def _shipped(results: RunResults) -> RunFolder:
    return results.run.seeds_of(results.recipe)[results.best]


def _trained(results: RunResults) -> OnValid:
    logits = tuple(scored[STUDENT].logits["valid"] for scored in results.trainings.values())
    return OnValid(results.splits.valid, results.task, logits, results.recipe.student.seeds)


def _static(results: RunResults) -> Iterator[Variant]:
    section = results.recipe.student.static
    precision: Precision = "int8" if section is not None and section.storage == "int8" else "fp32"
    yield Variant(
        precision, "numpy", _shipped(results), _trained(results), (), results.recipe.data.max_length
    )  # fmt: skip


def _exported(results: RunResults) -> Iterator[Variant]:
    """fp32, in PyTorch where ONNX did not pass the gate, and int8: refused if that of any training did not pass."""
    recipe, shipped = results.recipe, _shipped(results)
    places = _places(results.run, recipe)
    facts = [_facts(place) for place in places]
    in_onnx = all(each["models"]["onnx"]["file"] for each in facts)
    length = recipe.data.max_length
    yield Variant("fp32", "onnx" if in_onnx else "torch", shipped, _trained(results), (), length)
    failed = [each["models"]["int8"] for each in facts if each["models"]["int8"]["file"] is None]
    refused = tuple(dict.fromkeys(problem for model in failed for problem in model["problems"]))
    on_valid = None
    if not failed:
        valid = results.splits.valid
        for place in places:
            place.require(_INT8)
        logits = tuple(read_predictions(place.path / _INT8 / f"{valid.name}.parquet", valid.ids) for place in places)
        on_valid = OnValid(valid, results.task, logits, recipe.student.seeds)
    yield Variant("int8", "int8", shipped, on_valid, refused, length)


def _facts(place: RunFolder) -> dict[str, Any]:
    facts = read_json(place.require(ONNX) / EXPORT_FACTS)
    if not isinstance(facts, dict):
        raise CorruptArtefactError(f"{place.path / ONNX / EXPORT_FACTS} is not what was written there.")
    return facts
