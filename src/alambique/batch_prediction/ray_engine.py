"""Shards classified by the workers of a Ray cluster.

This process reads the input, cuts the shards and writes their files; a worker gets the rows of a shard and sends back the
content of its file. So nobody else writes to the output folder, whoever dies, and of all folders only the run folder has to
be on all machines.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path

import pyarrow as pa

from alambique.batch_prediction.columns import AddedColumns
from alambique.batch_prediction.engines import Output
from alambique.batch_prediction.records import ShardRecord
from alambique.batch_prediction.shard_files import ShardContent, keep_shard
from alambique.batch_prediction.shards import Shard
from alambique.batch_prediction.worker import Worker
from alambique.cpu import available_cores
from alambique.distributed.ray_session import ray_session
from alambique.distributed.ray_workers import RayWorkers
from alambique.inference.classifier import TORCH, open_classifier
from alambique.recipe.sections import Data

_SHARD_BYTES = 2**26  # about what a shard takes
_PER_WORKER = 5  # shards that Ray holds: two with the worker, theirs as files, and one on its way


@dataclass
class RemoteWorker:
    """What a worker of the cluster needs for its :class:`~alambique.batch_prediction.worker.Worker`.

    Attributes:
        folder: the run folder, on every machine.
        backend: of the model in it.
        data: as :func:`~alambique.batch_prediction.columns.text_of` gives it.
        added: the columns that are added.
        calibrated: divide logits by the temperature fitted on valid.
    """

    folder: Path
    backend: str
    data: Data
    added: AddedColumns
    calibrated: bool
    _worker: Worker | None = field(default=None, repr=False)

    def load(self) -> str:
        """Load the model; one thread, because a worker is one of many on its machine."""
        classifier = open_classifier(self.folder, self.backend, threads=1)
        self._worker = Worker(classifier, self.data, self.added, self.calibrated)
        return classifier.digest

    def run(self, task: pa.Table, advance: Callable[[int], None]) -> ShardContent:
        """The content of the file of a shard, from its rows."""
        if self._worker is None:
            raise RuntimeError("load() comes first")
        return self._worker.made(task, advance)


def on_ray(
    remote: RemoteWorker, digest: str, shards: Iterable[Shard], output: Output, *, workers: int | None,
    say: Callable[[str], None],
) -> list[ShardRecord]:  # fmt: skip
    """Classify shards on the cluster that ``RAY_ADDRESS`` names, or on one of this machine.

    Args:
        remote: what each worker needs.
        digest: of the model, which must be the same on all machines.
        shards: in their order.
        output: where their files go.
        workers: how many; None: one for each GPU of the cluster where the model runs on GPUs, else for each core.
        say: for a line to the user.

    Returns:
        the record of each shard, in the order of the shards.

    Raises:
        UserInputError: there is no cluster at the address, or its machines have not the model.
        ClusterError: the cluster is lost.
    """
    records: dict[int, ShardRecord] = {}
    given: list[tuple[int, str]] = []

    def missing() -> Iterator[tuple[pa.Table, int]]:
        for shard in shards:
            record = output.kept(shard)
            if record is not None:
                records[shard.index] = record
                continue
            given.append((shard.index, shard.name))
            yield shard.table, shard.table.num_rows

    tasks = missing()
    first = next(tasks, None)
    if first is not None:  # else all is there, and nobody waits for a cluster
        count = workers or available_cores()
        with ray_session(count, object_bytes=count * _PER_WORKER * _SHARD_BYTES) as session:
            pool = RayWorkers(
                session, remote, digest=digest, gpu=remote.backend == TORCH, count=workers, advance=output.advance, say=say
            )  # fmt: skip
            with pool:
                for number, made in pool.results(chain([first], tasks)):
                    index, name = given[number]
                    records[index] = keep_shard(output.folder, name, made)
    return [records[index] for index in sorted(records)]
