"""A train split without labels: what it takes of a recipe, since there is nothing to train a teacher on."""

from collections.abc import Mapping

from alambique.artefacts.splits import Splits
from alambique.data.table import Table
from alambique.errors import DataError, RecipeError
from alambique.recipe.recipe import Recipe
from alambique.recipe.schedules import ends_of
from alambique.recipe.sections import Data

NOTE = (
    "Train has no labels: the label names are those of valid and test, and the student learns from the teacher's soft "
    "labels alone."
)


def check_labelled_splits(tables: Mapping[str, Table], data: Data) -> None:
    """Refuse a source whose train has no labels and that lacks valid or test, which cannot be split off such a train.

    Raises:
        DataError: it lacks one.
    """
    missing = [split for split in ("valid", "test") if split not in tables]
    if missing:
        names = " and ".join(missing)
        raise DataError(
            f"{tables['train'].where}: train has no labels in column {data.label!r}, which data.label names, so {names} "
            f"cannot be split off it. Give train labels, or {names} with labels, as in --set 'data.source={{train: F, "
            "valid: F, test: F}'."
        )


def check_unlabelled_train(recipe: Recipe, splits: Splits) -> None:
    """Refuse a recipe that needs the labels of train where train has none.

    Raises:
        DataError: a teacher would be trained.
        RecipeError: the student would learn from labels alone.
    """
    if splits.labelled_train:
        return
    if any(settings.is_trained for settings in recipe.teachers):
        raise DataError(
            f"train has no labels (column {recipe.data.label!r}, which data.label names), and a teacher can learn nothing "
            "from it. Give train labels, or a teacher that needs none: a finished one (teacher.fine_tune: false), "
            "teacher.probabilities, teacher.zero_shot or teacher.endpoint."
        )
    if min(ends_of(recipe.distillation.hard_label_weight)) == 1:
        raise RecipeError(
            "distillation.hard_label_weight is 1, so the student would learn from the labels of train alone, and train has "
            "none. Set it below 1."
        )
