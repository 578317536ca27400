"""What each teacher of a run takes, by what was measured of those that differ in more than rows and seed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from alambique.doctor.cost import Cost
from alambique.recipe.sections import Teacher
from alambique.stages.teacher import TeacherInit


@dataclass(frozen=True)
class TeacherCost:
    """What one teacher takes; ``settings`` are None for one that is not trained; ``unseen``: rows of train left out."""

    cost: Cost
    settings: Teacher | None
    unseen: int = 0


def with_copies(
    costs: Mapping[str, TeacherCost], inits: Sequence[TeacherInit], copies: Sequence[TeacherInit]
) -> dict[str, TeacherCost]:
    """Costs of the teachers that a run trains: with folds, of all rows the first alone; a fold or member as its like.

    Args:
        costs: by name, as measured.
        inits: the teachers of all rows, of which they were measured.
        copies: their folds and members.
    """
    folds = any(init.unseen is not None for init in copies)
    trained = {init.name: costs[init.name] for init in (inits[:1] if folds else inits)}
    like = {init.section: costs[init.name] for init in reversed(inits)}  # of equal sections the first counts
    return trained | {
        init.name: replace(like[init.section], unseen=0 if init.unseen is None else len(init.unseen)) for init in copies
    }
