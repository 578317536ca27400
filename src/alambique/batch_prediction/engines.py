"""Who classifies the shards. Every engine makes the same files: what a shard's file holds follows from the shard alone."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from alambique.batch_prediction.records import ShardRecord
from alambique.batch_prediction.shard_files import keep_shard
from alambique.batch_prediction.shards import Shard
from alambique.batch_prediction.worker import Worker
from alambique.distributed.ray_session import check_ray
from alambique.errors import UserInputError

LOCAL, RAY = "local", "ray"
ENGINES = (LOCAL, RAY)


@dataclass(frozen=True)
class Output:
    """Where the files of shards go, by the process that has the folder's lock.

    Attributes:
        folder: of the output.
        kept: what is there already of a shard, which is then not made.
        advance: called with the number of rows that are done, now and then.
    """

    folder: Path
    kept: Callable[[Shard], ShardRecord | None]
    advance: Callable[[int], None]


def check_engine(name: str, workers: int | None = None) -> None:
    """Refuse an engine that there is not, or whose package is not installed.

    Raises:
        UserInputError: it is not an engine, needs a package, which the message names, or takes no number of workers.
    """
    if name not in ENGINES:
        raise UserInputError(f"--engine: {name!r} is not an engine; it is {LOCAL} or {RAY}.")
    if name == RAY:
        check_ray(f"--engine {RAY}")
    elif workers is not None:
        raise UserInputError(f"--workers: it is for --engine {RAY}; {LOCAL} is one process, which uses all cores.")


def in_this_process(worker: Worker, shards: Iterable[Shard], output: Output) -> Iterator[ShardRecord]:
    """Classify shards one after the other, each with all cores.

    Args:
        worker: has the model.
        shards: in their order.
        output: where their files go.
    """
    for shard in shards:
        yield output.kept(shard) or keep_shard(output.folder, shard.name, worker.made(shard.table, output.advance))
