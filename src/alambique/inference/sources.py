"""The source of answers that a recipe names: found and checked before a run, or as a finished run recorded it."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from alambique.artefacts.splits import Splits
from alambique.data.probabilities import read_probabilities
from alambique.inference.answering import AnswerSource
from alambique.inference.endpoint import FromEndpoint
from alambique.inference.from_file import FromFile
from alambique.inference.zero_shot import KEY, FromEntailment
from alambique.models.pretrained import recorded_pretrained
from alambique.recipe.sections import Data, Teacher
from alambique.run.integrity import file_hash

if TYPE_CHECKING:
    from alambique.recipe.answering import ZeroShot


def resolve_source(settings: Teacher, data: Data, splits: Splits) -> AnswerSource:
    """Find and check what answers in the place of a model.

    Raises:
        DataError: the file of probabilities does not fit the rows.
        ModelError: the zero-shot model cannot be used.
    """
    if settings.probabilities is not None:
        file = read_probabilities(Path(settings.probabilities), splits, data.text)
        return FromFile(file, file.digest, data.text)
    if settings.endpoint is not None:
        return FromEndpoint(settings.endpoint, splits.label_names)
    return FromEntailment.resolve(cast("ZeroShot", settings.zero_shot), splits.label_names, max_length=data.max_length)


def recorded_source(
    settings: Teacher, data: Data, splits: Splits, recorded: Mapping[str, Any], folder: Path
) -> AnswerSource:
    """The source of a finished run; a file or checkpoint that is not here any more counts as the one that was recorded.

    Args:
        settings: the section of the recipe.
        data: the section of the recipe.
        splits: the rows.
        recorded: the inputs in the manifest key of the answers.
        folder: of the answers.
    """
    if settings.probabilities is not None:
        path = Path(settings.probabilities)
        digest = file_hash(path) if path.is_file() else str(recorded.get("probabilities"))
        return FromFile(None, digest, data.text)
    if settings.endpoint is not None:
        return FromEndpoint(settings.endpoint, splits.label_names)
    section = cast("ZeroShot", settings.zero_shot)
    checkpoint = recorded_pretrained(section.model, recorded.get("checkpoint"), folder, key=KEY)
    return FromEntailment(section, checkpoint, splits.label_names, data.max_length)
