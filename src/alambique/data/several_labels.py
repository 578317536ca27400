"""Keys of a recipe that mean nothing where rows have any number of labels, or that do not work there yet."""

from collections.abc import Iterator

from alambique.errors import RecipeError
from alambique.recipe.recipe import Recipe
from alambique.recipe.teacher_list import section_of
from alambique.recipe.verdict import OF_ORDERED_LABELS


def check_several_labels(recipe: Recipe) -> None:
    """Refuse such a key.

    A loss that compares the classes of a row is refused where losses are (:mod:`alambique.losses.multi_label`).

    Raises:
        RecipeError: names the key, and says why and what to do.
    """
    for key, reason in _refused(recipe):
        raise RecipeError(f"{key} {reason}; the rows of this data have any number of labels.")


def _refused(recipe: Recipe) -> Iterator[tuple[str, str]]:
    yield from _of_data(recipe)
    yield from _of_models(recipe)
    yield from _of_decisions(recipe)


def _of_data(recipe: Recipe) -> Iterator[tuple[str, str]]:
    if recipe.data.label_order is not None:
        yield "data.label_order", "is for labels of which a row has one; leave it out"
    if recipe.data.label_groups is not None:
        yield "data.label_groups", "merges labels of which a row has one; leave it out, and merge them in the file"


def _of_models(recipe: Recipe) -> Iterator[tuple[str, str]]:
    trained = [(section_of(n, len(recipe.teachers)), teacher) for n, teacher in enumerate(recipe.teachers)]
    for section, settings in (*trained, ("student", recipe.student)):
        if settings.class_weights is not None:
            yield f"{section}.class_weights", "weighs rows by their only label; leave it out"
    for section, teacher in trained:
        if teacher.answering is not None:
            yield (
                f"{section}.{teacher.answering}",
                "gives the probabilities of labels of which a row has one; take a model",
            )
    if recipe.soft_labels.trust is not None:
        yield "soft_labels.trust", "looks for a row's only label in doubt; leave it out"


def _of_decisions(recipe: Recipe) -> Iterator[tuple[str, str]]:
    if recipe.decide is not None and recipe.decide.label is not None:
        yield "decide.class", "decides between labels of which a row has one; give decide.thresholds, or leave it out"
    verdict = recipe.verdict
    for key, metric in (("metric", verdict.metric), ("metric_for_best_epoch", verdict.metric_for_best_epoch)):
        if isinstance(metric, OF_ORDERED_LABELS):
            yield f"verdict.{key}", f"is {metric.name}, which is for labels in order, of which a row has one"
