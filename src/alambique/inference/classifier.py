"""A run's student, opened to classify, and its teacher.

A static student is run by numpy; of another the int8 file if there is one, else fp32 ONNX, else PyTorch. What imports
this imports neither torch nor transformers, unless the model is opened in PyTorch.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import yaml

from alambique.errors import CorruptArtefactError, RunFolderError
from alambique.evaluation.single_label import SINGLE_LABEL
from alambique.evaluation.task import Task
from alambique.evaluation.tasks import TASKS, task_named
from alambique.inference.static_student import StaticModel, is_static
from alambique.run.folder import RunFolder
from alambique.run.integrity import digest_of, read_json
from alambique.run.layout import DATA, EXPORT_FACTS, ONNX, ONNX_FILES, PREDICTIONS, RECIPE, SPLITS, STUDENT, TEACHER
from alambique.run.manifest import file_damage, recorded_digest, recorded_hash

if TYPE_CHECKING:
    from alambique.recipe.decide import Decide

TORCH, NUMPY = "torch", "numpy"
MODELS = (NUMPY, "int8", "onnx", TORCH)  # from the fastest
TOKENIZER = "tokenizer.json"
Segments = Sequence[tuple[str, ...]]


@dataclass(frozen=True)
class Classifier:
    """A loaded model that classifies texts.

    Attributes:
        backend: ``numpy``, ``int8``, ``onnx`` or ``torch``.
        label_names: the classes, by index.
        pairs: whether a text has two segments.
        max_length: maximum length in tokens; longer texts are truncated.
        logits: function from one or two segments per text to (texts, classes) float32, in the order of the texts.
        fit_temperature: function that returns the temperature; :attr:`temperature` calls it once.
        task: how logits become probabilities and decisions.
        digest: SHA-256 of all files and settings that the logits follow from; empty where nobody needs it.
        fit_thresholds: function that returns the thresholds of labels; :attr:`thresholds` calls it once.

    Example:
        >>> import numpy as np
        >>> from alambique.inference.classifier import Classifier
        >>> def logits(texts):
        ...     return np.log([[0.2, 0.8]] * len(texts))
        >>> classifier = Classifier("torch", ("bad", "good"), False, 128, logits, fit_temperature=lambda: 2.0)
        >>> answer = classifier.answer(classifier.probabilities([("a fine lamp",)])[0])
        >>> answer["label"], round(answer["probability"], 3)
        ('good', 0.8)
        >>> classifier.probabilities([("a fine lamp",)], calibrated=True).round(3)
        array([[0.333, 0.667]], dtype=float32)
    """

    backend: str
    label_names: tuple[str, ...]
    pairs: bool
    max_length: int
    logits: Callable[[Segments], np.ndarray]
    fit_temperature: Callable[[], float]
    task: Task = SINGLE_LABEL
    digest: str = ""
    fit_thresholds: Callable[[], np.ndarray | None] = lambda: None

    @cached_property
    def temperature(self) -> float:
        """Temperature that the logits are divided by for calibrated probabilities; fitted on valid."""
        return self.fit_temperature()

    def segments(self, line: str) -> tuple[str, ...]:
        """Split a line into the segments that the model reads: a tab separates the two segments of a pair."""
        if not self.pairs:
            return (line,)
        first, _, second = line.partition("\t")
        return (first, second)

    def probabilities(self, segments: Segments, *, calibrated: bool = False) -> np.ndarray:
        """Classify texts: probabilities as (texts, classes) float32, in the order of the texts."""
        return self.probabilities_of(self.logits(segments), calibrated=calibrated)

    def probabilities_of(self, logits: np.ndarray, *, calibrated: bool = False) -> np.ndarray:
        """Convert (texts, classes) logits of this model to probabilities of the same shape, float32."""
        return self.task.probabilities(logits, self.temperature if calibrated else 1.0).astype(np.float32)

    @cached_property
    def thresholds(self) -> np.ndarray | None:
        """(classes,) probabilities from which labels are given, chosen on valid; NaN for a label without; None for all."""
        return self.fit_thresholds()

    def decided(self, logits: np.ndarray) -> np.ndarray:
        """The decision for each of (texts, classes) logits; that probabilities are calibrated changes none."""
        return self.task.decided(self.probabilities_of(logits), self.thresholds)

    def answers(self, logits: np.ndarray, *, calibrated: bool = False) -> list[dict[str, Any]]:
        """:meth:`answer` for each of (texts, classes) logits of this model.

        Args:
            logits: (texts, classes).
            calibrated: give calibrated probabilities; the decisions are the same.
        """
        probabilities = self.probabilities_of(logits, calibrated=calibrated)
        pairs = zip(probabilities, self.decided(logits), strict=True)
        return [self.task.answer(row, self.label_names, decision) for row, decision in pairs]

    def answer(self, probabilities: np.ndarray) -> dict[str, Any]:
        """Answer for one text as JSON values: ``label``, its ``probability``, and ``scores``, the probability of each label.

        Where rows have any number of labels, ``labels`` and ``scores``.

        Args:
            probabilities: (classes,) probabilities of the text, not calibrated.
        """
        decision = self.task.decided(probabilities[None], self.thresholds)[0]
        return self.task.answer(probabilities, self.label_names, decision)


def open_classifier(folder: Path, model: str | None = None, *, threads: int | None = None, spin: int = 0) -> Classifier:
    """Load the student of a run.

    Args:
        folder: the run folder.
        model: ``numpy`` (a static student alone), ``int8``, ``onnx`` or ``torch``; by default the first of these that the
            run has.
        threads: threads of an ONNX model; one per core by default.
        spin: microseconds for which idle threads of an ONNX model wait for work before they sleep.

    Raises:
        RunFolderError: the folder is not a run, or does not have the model.
        CorruptArtefactError: the file of the model does not match its manifest.
        ModelError: the student in PyTorch cannot be loaded.

    Example:
        >>> from pathlib import Path
        >>> from alambique.inference.classifier import open_classifier
        >>> classifier = open_classifier(Path("runs/mine"))
        >>> classifier.backend, classifier.label_names
        ('int8', ('bad', 'fair', 'good'))
        >>> probabilities = classifier.probabilities([("superb lamp",), ("awful door",)])
        >>> [classifier.answer(row)["label"] for row in probabilities]
        ['good', 'bad']
    """
    run = RunFolder.existing(folder)
    if model == TORCH:
        return _in_torch(run, STUDENT)
    if model in (None, NUMPY) and is_static(run.path / STUDENT):
        return _in_numpy(run)
    if model == NUMPY:
        raise RunFolderError(f"{run.path}: numpy runs a static student, and this one is not. Leave --model out.")
    facts = _facts(run)
    there = _exported(run, facts)
    chosen = model or next((name for name in MODELS if name in there), TORCH)
    if chosen == TORCH:
        return _in_torch(run, STUDENT)
    if chosen not in there:
        raise RunFolderError(
            f"{run.path} has no {chosen} export of its student. Make it with alambique export {folder} --to {chosen}."
        )
    return _in_onnx(run, chosen, facts, threads=threads, spin=spin)


def _in_numpy(run: RunFolder) -> Classifier:
    folder = run.require(STUDENT)
    loaded = StaticModel(folder, max_length=_recorded_recipe(run)["data"]["max_length"])
    names = tuple(name for _, name in sorted((int(i), name) for i, name in loaded.config["id2label"].items()))
    return _as_trained(run, STUDENT, NUMPY, names, loaded.logits)


def gives_weights(folder: Path) -> bool:
    """Whether the teacher of a run is a model; of others the run has the answers to its own rows alone."""
    return RunFolder.existing(folder).recipe().teacher.answering is None


def open_teacher(folder: Path) -> Classifier:
    """Load the teacher of a run, in PyTorch.

    Raises:
        RunFolderError: the folder is not a run, or does not have a teacher.
        ModelError: it cannot be loaded.
    """
    return _in_torch(RunFolder.existing(folder), TEACHER)


def _facts(run: RunFolder) -> Any:
    """What was exported; None if nothing was."""
    if not (run.path / ONNX).exists():
        return None
    _refuse_damage(run, EXPORT_FACTS)
    return read_json(run.path / ONNX / EXPORT_FACTS)


def _refuse_damage(run: RunFolder, name: str) -> None:
    damage = file_damage(run.path / ONNX, name)
    if damage is not None:
        raise CorruptArtefactError(
            f"{damage}: it is damaged and is not used. Make it again with alambique export {run.path}."
        )


def _exported(run: RunFolder, facts: Any) -> set[str]:
    """The formats that were exported from the student that stands here, not from one before it."""
    student = recorded_digest(run.path / STUDENT)
    if not isinstance(facts, dict) or student not in (facts["student"], None):
        return set()
    return {name for name, one in facts["models"].items() if one["file"] is not None}


def _in_onnx(run: RunFolder, chosen: str, facts: dict[str, Any], **session: Any) -> Classifier:
    from alambique.inference.onnx_model import OnnxModel  # noqa: PLC0415 - a run may be opened in PyTorch
    from alambique.models.inputs import ModelInputs  # noqa: PLC0415

    folder = run.path / ONNX
    for name in (ONNX_FILES[chosen], TOKENIZER):
        _refuse_damage(run, name)
    inputs = ModelInputs.recorded(facts)
    loaded = OnnxModel(folder / ONNX_FILES[chosen], folder / TOKENIZER, inputs, **session)
    files = {name: recorded_hash(folder, name) for name in (ONNX_FILES[chosen], TOKENIZER)}
    digest = digest_of([chosen, files, inputs.as_dict(), facts["label_names"], facts["pairs"]])
    return Classifier(
        chosen, tuple(facts["label_names"]), facts["pairs"], facts["max_length"], loaded.logits,
        lambda: float(facts["temperature"]), TASKS[facts.get("task", SINGLE_LABEL.name)], digest,
        lambda: _recorded_thresholds(facts),
    )  # fmt: skip


def _in_torch(run: RunFolder, role: str) -> Classifier:
    from alambique.inference.torch_model import open_in_torch  # noqa: PLC0415 - torch takes seconds
    from alambique.models.labels import label_names_of  # noqa: PLC0415 - torch takes seconds
    from alambique.progress import quiet_libraries  # noqa: PLC0415

    data, folder = run.recipe().data, run.require(role)
    with quiet_libraries():
        logits, network = open_in_torch(folder, key=role, max_length=data.max_length)
    return _as_trained(run, role, TORCH, tuple(label_names_of(network)), logits)


def _as_trained(
    run: RunFolder, role: str, backend: str, label_names: tuple[str, ...], logits: Callable[[Segments], np.ndarray]
) -> Classifier:
    """A model as its training saved it, with what the run says of it."""
    recipe, facts = _recorded_recipe(run), read_json(run.path / DATA / SPLITS) or {}
    data = recipe["data"]
    task = task_named(facts.get("task", SINGLE_LABEL.name), label_names, decide=_decide(recipe))
    max_length, pairs = data["max_length"], len(data["text"]) > 1 or bool(data["metadata"])
    digest = digest_of([backend, recorded_digest(run.path / role), max_length, pairs])
    return Classifier(
        backend, label_names, pairs, max_length, logits, lambda: task.fit_temperature(*_on_valid(run, role)), task, digest,
        lambda: task.shipped_thresholds(*_on_valid(run, role)) if task.ships_thresholds else None,
    )  # fmt: skip


def _recorded_recipe(run: RunFolder) -> dict[str, Any]:
    """The recipe as it was written: all its keys, as plain values. Checking them takes half a second."""
    recorded: dict[str, Any] = yaml.safe_load((run.path / RECIPE).read_text("utf-8"))
    return recorded


def _decide(recipe: dict[str, Any]) -> "Decide | None":
    if recipe.get("decide") is None:
        return None
    from alambique.recipe.decide import Decide  # noqa: PLC0415 - pydantic takes half a second

    return Decide.model_validate(recipe["decide"])


def _recorded_thresholds(facts: dict[str, Any]) -> np.ndarray | None:
    """Those in ``export.json``, in the order of its labels."""
    thresholds = facts.get("thresholds")
    return None if thresholds is None else np.array([thresholds.get(name, np.nan) for name in facts["label_names"]])


def _on_valid(run: RunFolder, role: str) -> tuple[np.ndarray, np.ndarray]:
    """A model's logits on valid, as the run holds them, and the labels."""
    import pyarrow.parquet as pq  # noqa: PLC0415

    path = run.require(f"{PREDICTIONS}/{role}") / "valid.parquet"
    try:
        table = pq.read_table(path)
    except (OSError, ValueError) as error:
        raise CorruptArtefactError(f"{path} cannot be read. Run alambique distill again.") from error
    logits = np.asarray(table["logits"].to_pylist(), dtype=np.float32)
    return logits, np.asarray(table["label"].to_pylist())
