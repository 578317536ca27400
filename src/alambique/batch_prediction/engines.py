"""Who classifies the shards. Every engine makes the same files: what a shard's file holds follows from the shard alone."""

from collections.abc import Callable, Iterable, Iterator
from importlib.util import find_spec

from alambique.batch_prediction.records import ShardRecord
from alambique.batch_prediction.shards import Shard
from alambique.batch_prediction.worker import Worker
from alambique.errors import UserInputError, missing_extra

LOCAL, RAY = "local", "ray"
ENGINES = (LOCAL, RAY)


def check_engine(name: str) -> None:
    """Refuse an engine that there is not, or whose package is not installed.

    Raises:
        UserInputError: it is not an engine, needs a package, which the message names, or classifies no files yet.
    """
    if name not in ENGINES:
        raise UserInputError(f"--engine: {name!r} is not an engine; it is {LOCAL} or {RAY}.")
    if name == RAY and find_spec("ray") is None:
        raise missing_extra("--engine ray", "ray", "ray")
    if name == RAY:
        raise UserInputError("--engine ray: files are classified by --engine local alone in this version.")


def in_this_process(
    worker: Worker,
    shards: Iterable[Shard],
    kept: Callable[[Shard], ShardRecord | None],
    advance: Callable[[int], None],
) -> Iterator[ShardRecord]:
    """Classify shards one after the other, each with all cores.

    Args:
        worker: has the model.
        shards: in their order.
        kept: what is there already of a shard, which is then not made.
        advance: called with the number of rows that are done, now and then.
    """
    for shard in shards:
        yield kept(shard) or worker.make(shard, advance)
