"""Keys of a recipe that name labels of the data, compared with the labels there are."""

from collections.abc import Iterator

from alambique.artefacts.splits import MULTI_LABEL, Splits
from alambique.data.several_labels import check_several_labels
from alambique.errors import RecipeError, closest
from alambique.recipe.recipe import Recipe
from alambique.recipe.teacher_list import section_of
from alambique.recipe.verdict import OF_A_CLASS, OF_LABEL_SETS, OF_ORDERED_LABELS, Metric


def check_class_names(recipe: Recipe, splits: Splits) -> None:
    """Refuse a key that names a label which no row has, or that weighs labels where train has none.

    Raises:
        RecipeError: names the key and the label, and the label that was probably meant.
    """
    for key, name in _named(recipe):
        if name not in splits.label_names:
            meant = closest(repr(name), map(repr, splits.label_names)) or "."
            raise RecipeError(f"{key} names {name!r}, which is not a label of the data{meant} {_labels(splits)}")
    if splits.task == MULTI_LABEL:
        check_several_labels(recipe)
    for key, metric in _metrics(recipe):
        if isinstance(metric, OF_LABEL_SETS) and splits.task != MULTI_LABEL:
            raise RecipeError(
                f"verdict.{key} is {metric.name}, which is for rows that have any number of labels; these have one each."
            )
        if isinstance(metric, OF_ORDERED_LABELS) and not splits.ordinal:
            raise RecipeError(
                f"verdict.{key} is {metric.name}, which needs labels in order: give data.label_order, the lowest first."
            )
    if recipe.decide is not None and recipe.decide.thresholds is not None and splits.task != MULTI_LABEL:
        raise RecipeError(
            "decide.thresholds is for rows that have any number of labels; these have one each. For a class that matters, "
            "give decide: {class: NAME, at_precision: 0.9}."
        )
    if recipe.student.class_weights is not None and not splits.labelled_train:
        raise RecipeError(
            "student.class_weights weighs the labels of train, and train has none. Set student.class_weights to null."
        )


def _metrics(recipe: Recipe) -> Iterator[tuple[str, Metric | None]]:
    """The figures of the verdict's section, by their keys."""
    yield "metric", recipe.verdict.metric
    yield "metric_for_best_epoch", recipe.verdict.metric_for_best_epoch


def _named(recipe: Recipe) -> Iterator[tuple[str, str]]:
    """Each key that names labels, with each label it names."""
    trained = [(section_of(n, len(recipe.teachers)), teacher) for n, teacher in enumerate(recipe.teachers)]
    for section, settings in (*trained, ("student", recipe.student)):
        weights = settings.class_weights
        for name in weights if isinstance(weights, dict) else ():
            yield f"{section}.class_weights", name

    for key, metric in _metrics(recipe):
        if isinstance(metric, OF_A_CLASS):
            yield f"verdict.{key}.class", metric.label
    if recipe.decide is not None:
        for name in recipe.decide.thresholds or ():
            yield "decide.thresholds", name
        if recipe.decide.label is not None:
            yield "decide.class", recipe.decide.label


def _labels(splits: Splits) -> str:
    names, most = splits.label_names, 12
    return f"The labels are {', '.join(names[:most])}{f' and {len(names) - most} more' if len(names) > most else ''}."
