"""Every model's logits on valid and test, by row id, as they are kept in a run."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from alambique.artefacts.splits import Splits, label_array
from alambique.errors import CorruptArtefactError, RunFolderError
from alambique.recipe.recipe import Recipe
from alambique.run.folder import RunFolder
from alambique.run.layout import (
    ENSEMBLE,
    MAJORITY,
    MODELS,
    PREDICTIONS,
    SOFT_LABELS,
    STUDENT,
    TEACHER,
    TEACHERS,
    TFIDF,
    UNDISTILLED,
    UNDISTILLED_ONCE,
)
from alambique.run.manifest import MANIFEST, recorded_digest


def write_predictions(path: Path, ids: tuple[str, ...], labels: np.ndarray, logits: np.ndarray) -> None:
    """One Parquet file: id, label (or a list of 0 and 1, one for each label), logits (a list of C float32) for each row."""
    flat = pa.array(logits.astype(np.float32).ravel())
    nested = pa.FixedSizeListArray.from_arrays(flat, logits.shape[1])
    pq.write_table(pa.table({"id": pa.array(ids), "label": label_array(labels), "logits": nested}), path)


def read_predictions(path: Path, ids: tuple[str, ...]) -> np.ndarray:
    """The logits of these rows, (rows, C) float32.

    Raises:
        CorruptArtefactError: the file holds other rows.
    """
    table = pq.read_table(path)
    if tuple(table["id"].to_pylist()) != ids:
        raise CorruptArtefactError(f"{path} holds predictions for other rows than the data.")
    nested = table["logits"].combine_chunks()
    return np.asarray(nested.flatten()).reshape(len(ids), nested.type.list_size)


PARAMETERS, KEPT = "parameters.json", "kept"


@dataclass(frozen=True)
class Predictions:
    """One model's logits, by split: (rows, C) float32 in the order of the rows.

    Attributes:
        model: its name in the report.
        logits: by split name.
        parameters: how many weights it has; None where nobody knows.
        size: of its weights on disk in bytes; None if they are not kept.
    """

    model: str
    logits: dict[str, np.ndarray]
    parameters: int | None
    size: int | None


Scored = dict[str, Predictions]  # by model


def read_scored(run: RunFolder, name: str, splits: Splits) -> Predictions:
    """A model's kept logits.

    Raises:
        RunFolderError: the run has none for these rows.
        CorruptArtefactError: a file does not hold what its manifest says.
    """
    folder = run.path / PREDICTIONS / name
    if folder.is_dir():
        run.require(f"{PREDICTIONS}/{name}")
    try:
        logits = {s.name: read_predictions(folder / f"{s.name}.parquet", s.ids) for s in (splits.valid, splits.test)}
        facts = json.loads((folder / PARAMETERS).read_text("utf-8"))
        parameters = None if facts["parameters"] is None else int(facts["parameters"])
    except (OSError, ValueError, TypeError, KeyError, CorruptArtefactError) as error:
        raise RunFolderError(
            f"{folder} does not hold the predictions of {name} for the rows of this run. Run alambique distill again."
        ) from error
    kept = name not in (TFIDF, MAJORITY, ENSEMBLE) and facts.get(KEPT, True)
    size = None if not kept else weight_bytes(run.path / name)
    if size == 0:
        raise RunFolderError(f"{run.path / name} holds no weights. Run alambique distill again.")
    return Predictions(name, logits, parameters, size)


def weight_bytes(folder: Path) -> int:
    """Bytes of a saved model's weights."""
    return sum(path.stat().st_size for path in folder.glob("*.safetensors"))


def twins(recipe: Recipe, splits: Splits) -> tuple[str, ...]:
    """The undistilled twins of a student: beside unlabelled text also one that makes no more steps than its rows give.

    None where train has no labels.
    """
    if not splits.labelled_train:
        return ()
    return (UNDISTILLED,) if recipe.data.unlabelled is None else (UNDISTILLED, UNDISTILLED_ONCE)


def main_models(splits: Splits) -> tuple[str, ...]:
    """Teacher, student and, where train has labels, the undistilled student."""
    return MODELS if splits.labelled_train else (TEACHER, STUDENT)


def further_teachers(run: RunFolder) -> tuple[str, ...]:
    """Names of the teachers beside ``teacher`` that the soft labels were made by, in their order: ``teachers/NAME``.

    A teacher of an earlier recipe may stand in the folder too; it is not among them.
    """
    order = run.recorded_key(SOFT_LABELS).get("inputs", {}).get("teachers", [])
    there = {f"{TEACHERS}/{path.parent.name}": path.parent for path in (run.path / TEACHERS).glob(f"*/{MANIFEST}")}
    digests = {name: recorded_digest(folder) for name, folder in sorted(there.items())}
    return tuple(
        sorted((name for name in digests if digests[name] in order), key=lambda name: order.index(digests[name]))
    )


def teacher_labelled(run: RunFolder) -> bool:
    """Whether ``teacher`` is among those that the soft labels were made by; with folds it is not."""
    inputs = run.recorded_key(SOFT_LABELS).get("inputs", {})
    return recorded_digest(run.path / TEACHER) in (inputs.get("teacher"), *inputs.get("teachers", []))


def read_students(run: RunFolder, recipe: Recipe, splits: Splits, seeds: dict[int, Scored]) -> dict[int, Scored]:
    """Every training of student and twin beside its seed's other models, by the seed of that training.

    Args:
        run: where.
        recipe: of the run.
        splits: the rows.
        seeds: what :func:`read_seeds` gives: of each seed the first training.

    Raises:
        RunFolderError: some are missing.
    """
    folders, trainings = run.seeds_of(recipe), {}
    names = (STUDENT, *twins(recipe, splits))
    for seed, scored in seeds.items():
        for number, student_seed in enumerate(recipe.student_seeds(seed)):
            folder = folders[seed].student(number)
            pair = {name: read_scored(folder, name, splits) for name in names} if number else {}
            trainings[student_seed] = scored | pair
    return trainings


def read_seeds(run: RunFolder, recipe: Recipe, splits: Splits) -> dict[int, Scored]:
    """Every model's kept logits, by seed, in the order of the report; the baselines are the same for all.

    There are no baselines where train has no labels.

    Raises:
        RunFolderError: some are missing.
    """
    fitted = (TFIDF, MAJORITY) if splits.labelled_train else ()
    baselines = {name: read_scored(run, name, splits) for name in fitted}
    seeds = {}
    for seed, of_seed in run.seeds_of(recipe).items():
        further = further_teachers(of_seed)
        names = (TEACHER, *further, *([ENSEMBLE] if further else []), STUDENT, *twins(recipe, splits))
        seeds[seed] = {name: read_scored(of_seed, name, splits) for name in names} | baselines
    return seeds
