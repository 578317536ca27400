"""A teacher's logits on rows that are tokenised, shard by shard: by this process, or by the workers of a Ray cluster."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path

import numpy as np
from transformers import PreTrainedModel

from alambique.artefacts.soft_labels import LOGITS
from alambique.artefacts.tokens import Tokens
from alambique.cpu import available_cores, keep_freed_memory
from alambique.distributed.ray_session import RaySession, check_ray, ray_session
from alambique.distributed.ray_workers import RayWorkers
from alambique.inference.torch_model import predict_tokens, to_device
from alambique.models.labels import label_names_of
from alambique.models.pretrained import load_finished
from alambique.progress import Step, quiet_libraries
from alambique.recipe.sections import Compute
from alambique.run.layout import SCRATCH
from alambique.run.manifest import recorded_digest
from alambique.run.shards import in_shards, keep_shard, kept_shard, parts

SHARD = 8192  # rows: sorted by length among themselves, and lost if the process is killed
RAY = "ray"
_SHARDS = "shards"
_SHARD_BYTES = 2**25  # about what a shard takes
_PER_WORKER = 5  # shards that Ray holds: two with the worker, what it gave, and one on its way

Half = Callable[[Compute], bool]
Labelling = Callable[[Path, Tokens, Path], None]


def check_labelling(compute: Compute) -> None:
    """Refuse a recipe that labels on Ray where that is not installed, or nobody answers at its address.

    Raises:
        UserInputError: says what to install or to set.
    """
    if compute.engine == RAY:
        check_ray("compute.engine: ray")


@contextmanager
def labelling(compute: Compute, step: Step, half: Half) -> Iterator[Labelling]:
    """A function that writes the logits of a teacher, given its folder, its rows and a folder to work in.

    It writes ``logits.npy``, (rows, C) float32 in the order of the rows; memory does not grow with their number. The rows
    are done in shards of :data:`SHARD`. Whole shards found in ``scratch`` of the folder are used, whoever made them, and
    left there, so that a killed run goes on at the first that is missing.

    Args:
        compute: who labels, precision, and whether the exact speed-ups are used.
        step: shows the rows done; its caller starts it.
        half: whether to compute in bfloat16, asked where it is computed.

    Raises:
        UserInputError: there is no cluster at ``RAY_ADDRESS``, or its machines have not the teacher.
        ClusterError: the cluster is lost.
    """
    if compute.engine != RAY:
        yield lambda folder, tokens, work: _here(folder, tokens, work, compute, step, half)
        return
    with ExitStack() as held:
        sessions: list[RaySession] = []

        def connected() -> RaySession:
            if not sessions:
                cores = compute.workers or available_cores()
                session = ray_session(cores, object_bytes=cores * _PER_WORKER * _SHARD_BYTES)
                sessions.append(held.enter_context(session))
            return sessions[0]

        yield lambda folder, tokens, work: _on_ray(folder, tokens, work, compute, step, half, connected)


def _here(folder: Path, tokens: Tokens, work: Path, compute: Compute, step: Step, half: Half) -> None:
    model = to_device(load_finished(folder, key="teacher"))
    label_rows(model, tokens, work, compute=compute, step=step, half=half(compute))


def label_rows(
    model: PreTrainedModel, tokens: Tokens, work: Path, *, compute: Compute, step: Step, half: bool = False,
    batch_size: int | None = None,
) -> None:  # fmt: skip
    """Write the logits of a model that is loaded, in this process.

    Args:
        model: a classifier on its device; it is left in eval mode.
        tokens: of the rows, perhaps mapped from disk.
        work: an existing folder.
        compute: whether the exact speed-ups are used.
        step: shows the rows done; its caller starts it.
        half: compute in bfloat16.
        batch_size: rows per batch; by default what suits the model's device.
    """
    keep_freed_memory()

    def predict(rows: range) -> np.ndarray:
        return predict_tokens(
            model, tokens.rows(rows.start, rows.stop), batch_size=batch_size, advance=step.advance,
            speedups=compute.speedups, half=half,
        )  # fmt: skip

    files = list(in_shards(_shards(work), len(tokens), SHARD, predict, found=step.advance))
    _join(files, len(tokens), len(label_names_of(model)), work)


@dataclass
class RemoteTeacher:
    """A teacher that a worker of the cluster loads and asks.

    Attributes:
        folder: of the teacher, on every machine.
        compute: precision, and whether the exact speed-ups are used.
        half: whether to compute in bfloat16, asked in the worker.
    """

    folder: Path
    compute: Compute
    half: Half
    _model: PreTrainedModel | None = field(default=None, repr=False)

    def load(self) -> str:
        """Load the teacher."""
        keep_freed_memory()
        with quiet_libraries():
            self._model = to_device(load_finished(self.folder, key="teacher"))
        return str(recorded_digest(self.folder))

    def run(self, task: Tokens, advance: Callable[[int], None]) -> np.ndarray:
        """(rows, C) float32 logits of the rows of a shard."""
        if self._model is None:
            raise RuntimeError("load() comes first")
        return predict_tokens(
            self._model, task, advance=advance, speedups=self.compute.speedups, half=self.half(self.compute)
        )


def _on_ray(
    folder: Path, tokens: Tokens, work: Path, compute: Compute, step: Step, half: Half,
    connected: Callable[[], RaySession],
) -> None:  # fmt: skip
    shards, names = _shards(work), list[str]()

    def missing() -> Iterator[tuple[Tokens, int]]:
        for rows, name in parts(len(tokens), SHARD):
            if kept_shard(shards, name) is not None:
                step.advance(len(rows))
                continue
            names.append(name)
            yield tokens.rows(rows.start, rows.stop), len(rows)

    tasks = missing()
    first = next(tasks, None)
    if first is not None:  # else nobody waits for a cluster
        pool = RayWorkers(
            connected(), RemoteTeacher(folder.absolute(), compute, half), digest=str(recorded_digest(folder)), gpu=True,
            count=compute.workers, advance=step.advance, say=step.say,
        )  # fmt: skip
        with pool:
            for number, logits in pool.results(chain([first], tasks)):
                keep_shard(shards, names[number], logits)
    files = list(in_shards(shards, len(tokens), SHARD, _lost, found=_passed_over))
    classes = np.load(files[0], mmap_mode="r", allow_pickle=False).shape[1]
    _join(files, len(tokens), classes, work)


def _passed_over(rows: int) -> None:
    del rows


def _lost(rows: range) -> np.ndarray:
    raise RuntimeError(f"the shard of rows {rows.start} to {rows.stop} was there and is not any more")


def _shards(work: Path) -> Path:
    shards = work / SCRATCH / _SHARDS
    if shards.is_symlink():
        shards.unlink()
    shards.mkdir(parents=True, exist_ok=True)
    return shards


def _join(files: list[Path], rows: int, classes: int, work: Path) -> None:
    joined = np.lib.format.open_memmap(work / LOGITS, mode="w+", dtype=np.float32, shape=(rows, classes))
    for number, file in enumerate(files):
        joined[number * SHARD : (number + 1) * SHARD] = np.load(file, allow_pickle=False)
    joined.flush()
