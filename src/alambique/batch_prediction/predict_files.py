"""The story of ``alambique predict RUN --input FILES --output DIR``, on a page."""

import math
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from alambique.batch_prediction.columns import AddedColumns
from alambique.batch_prediction.engines import LOCAL, RAY, Output, check_engine, in_this_process
from alambique.batch_prediction.layout import SHARD_ROWS
from alambique.batch_prediction.output import OutputFolder
from alambique.batch_prediction.ray_engine import RemoteWorker, on_ray
from alambique.batch_prediction.records import ShardRecord, drop_records, earlier_records, whole_file
from alambique.batch_prediction.shards import Shard, cut
from alambique.batch_prediction.sources import find_inputs
from alambique.batch_prediction.survey import Survey, survey
from alambique.batch_prediction.worker import Worker
from alambique.errors import UserInputError
from alambique.inference.classifier import Classifier, open_classifier
from alambique.progress import Reporter, Step
from alambique.recipe.sections import Data
from alambique.run.folder import RunFolder

_ADDRESS = re.compile(r"[a-zA-Z0-9+.-]{2,}:/")  # what is left of s3:// in a path


@dataclass(frozen=True)
class Job:
    """What the user asks for.

    Attributes:
        run: a run folder.
        inputs: files, patterns, folders or addresses.
        output: the folder of predictions.
        text: the columns of text; those of the run's recipe where it is empty.
        model: ``int8``, ``onnx`` or ``torch``; None: the fastest that the run has.
        calibrated: divide logits by the temperature fitted on valid.
        added: the columns that are added.
        engine: who classifies, one of :data:`~alambique.batch_prediction.engines.ENGINES`.
        shard_rows: of a file of the output.
        workers: of the engine ``ray``; None: as many as its cluster has room for.
    """

    run: Path
    inputs: tuple[str, ...]
    output: Path
    text: tuple[str, ...] = ()
    model: str | None = None
    calibrated: bool = False
    added: AddedColumns = field(default_factory=AddedColumns)
    engine: str = LOCAL
    shard_rows: int = SHARD_ROWS
    workers: int | None = None


@dataclass(frozen=True)
class Written:
    """What was written.

    Attributes:
        rows: in all.
        not_classified: of them, how many have a reason instead of a prediction.
        shards: files.
    """

    rows: int
    not_classified: int
    shards: int


def predict_files(job: Job, *, reporter: Reporter) -> Written | None:
    """Classify all rows of the input; None if the output stands there already, whole and made from the same.

    A process that was stopped or killed is gone on with: shards that are there are read, compared and kept.

    Raises:
        UserInputError: the input, the run or the output folder is at fault.
        CorruptArtefactError: the model's file is damaged.
        DiskError: the output cannot be written.
        ClusterError: the Ray cluster is lost.
    """
    check_engine(job.engine, job.workers)
    if _ADDRESS.match(str(job.output)):
        raise UserInputError(f"--output {job.output}: predictions are written to a folder of this machine.")
    recipe = RunFolder.existing(job.run).recipe()
    with OutputFolder.create(job.output) as folder:
        files = find_inputs(job.inputs, output=folder.path)
        classifier = open_classifier(job.run, job.model)
        added = replace(job.added, several=classifier.task.several)
        facts = _facts(job, recipe.data, classifier, [file.identity | {"name": file.name} for file in files])
        if _is_current(folder, facts, reporter):
            return None
        found = survey(files, recipe.data, job.text, added)
        folder.begin()
        worker = Worker(classifier, found.data, added, job.calibrated)
        with reporter.stage("predict") as step:
            step.start(found.rows)
            shards = _classified(
                job, found, worker, cut(found.tables(), job.shard_rows, facts["key"]), folder.path, step
            )
        folder.finish(facts, shards)
    return Written(sum(s.rows for s in shards), sum(s.not_classified for s in shards), len(shards))


def _facts(job: Job, data: Data, classifier: Classifier, inputs: list[dict[str, str]]) -> dict[str, Any]:
    """What the output is made from, as JSON values; the key is the part that every shard depends on."""
    key = {
        "model": classifier.digest,
        "temperature": classifier.temperature if job.calibrated else 1.0,
        "text": list(job.text or data.text),
        "metadata": list(data.metadata),
        "prefix": job.added.prefix,
        "scores": job.added.scores,
    }
    if classifier.thresholds is not None:
        key["thresholds"] = [None if math.isnan(each) else each for each in classifier.thresholds.tolist()]
    return {
        "key": key, "shard_rows": job.shard_rows, "backend": classifier.backend,
        "labels": list(classifier.label_names), "inputs": inputs,
    }  # fmt: skip


def _is_current(folder: OutputFolder, facts: dict[str, Any], reporter: Reporter) -> bool:
    """Whether the output is whole and made from this; what is otherwise is said."""
    manifest = folder.manifest()
    if manifest is None:
        return False
    changed = [words for words, differs in _differences(manifest, facts) if differs]
    if not changed:
        damage = folder.damage(manifest)
        if damage is None:
            drop_records(folder.path)  # of a process that was killed when all was done
            return True
        changed = [damage]
    reporter.say(f"{folder.path} is brought up to date: {', '.join(changed)}")
    return False


def _differences(manifest: dict[str, Any], facts: dict[str, Any]) -> Iterator[tuple[str, bool]]:
    before, now = manifest.get("key", {}), facts["key"]
    yield "the model has changed", before.get("model") != now["model"]
    yield (
        "the settings have changed",
        any(before.get(name) != now[name] for name in now if name != "model")
        or (manifest.get("shard_rows") != facts["shard_rows"]),
    )
    yield "the input has changed", _contents(manifest.get("inputs", [])) != _contents(facts["inputs"])


def _contents(inputs: list[dict[str, str]]) -> list[dict[str, str]]:
    """Files by what they hold, whatever they are called."""
    return [{name: value for name, value in each.items() if name != "name"} for each in inputs]


def _classified(
    job: Job, found: Survey, worker: Worker, shards: Iterator[Shard], folder: Path, step: Step
) -> list[ShardRecord]:
    """The shards in their order: those that are there, and those that are made now."""
    earlier = earlier_records(folder)

    def kept(shard: Shard) -> ShardRecord | None:
        record = whole_file(folder, shard.name, earlier)
        if record is not None:
            step.skip(record.rows)
        return record

    output = Output(folder, kept, _Pace(step).advance)
    if job.engine == RAY:
        backend = worker.classifier.backend
        remote = RemoteWorker(job.run.absolute(), backend, found.data, worker.added, job.calibrated)
        return on_ray(remote, worker.classifier.digest, shards, output, workers=job.workers, say=step.say)
    return list(in_this_process(worker, shards, output))


class _Pace:
    """Rows per second since the first was classified."""

    def __init__(self, step: Step) -> None:
        self.step, self.rows, self.begun = step, 0, time.monotonic()

    def advance(self, rows: int) -> None:
        self.rows += rows
        self.step.metrics(rows_per_second=self.rows / max(1e-9, time.monotonic() - self.begun))
        self.step.advance(rows)
