"""Recipes of the trials, checked before anything is trained."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from alambique.artefacts.splits import Splits
from alambique.data.load import load_splits, locate
from alambique.errors import RecipeError
from alambique.preparation import check_against_data, surroundings, views_model
from alambique.recipe.recipe import Recipe
from alambique.recipe.sections import Data, Training
from alambique.recipe.verdict import MeanAbsoluteError
from alambique.stages.student import resolve_student
from alambique.stages.teacher import TeacherInit, resolve_teachers
from alambique.sweep.space import Range, Space, Values

MOST_CHECKED = 1000  # combinations; of more, each value is checked alone
_LISTED = 10


@dataclass(frozen=True)
class Candidates:
    """The recipe that a sweep varies, and what it varies.

    Attributes:
        name: of the recipe, or its file.
        sets: what ``--set`` was given.
        space: what ``--over`` was given.
        base: the recipe without the values of a trial.
    """

    name: str
    sets: tuple[str, ...]
    space: Space
    base: Recipe

    @classmethod
    def load(cls, name: str, over: Sequence[str], sets: Sequence[str] = ()) -> "Candidates":
        """Read the recipe and the space, and have the recipe accept every value and every combination.

        Raises:
            RecipeError: lists what it refuses.
        """
        space = Space.parse(over, sets)
        loaded = cls(name, tuple(sets), space, Recipe.load(name, tuple(sets)))
        loaded._refuse_unfit()
        loaded._refuse_incomparable()
        return loaded

    def recipe(self, values: Values) -> Recipe:
        """The recipe of a trial."""
        overrides = self.space.overrides(values)
        return Recipe.load(self.name, (*self.sets, *overrides), given_with=f"--over {' '.join(overrides)}")

    def _refuse_unfit(self) -> None:
        problems: dict[str, str] = {}  # from the problem to the message that names the values
        for override in self._alone():
            self._try((override,), problems)
        if not problems and self.space.tried() <= MOST_CHECKED:
            for values in self.space.combinations():
                self._try(self.space.overrides(values), problems)
        if problems:
            messages = list(problems.values())
            more = [f"and {len(messages) - _LISTED} more"] if len(messages) > _LISTED else []
            raise RecipeError("\n".join([*messages[:_LISTED], *more]))

    def _refuse_incomparable(self) -> None:
        """Trials are compared by one figure, of which more is better."""
        key = next((key for key in self.space.keys if f"{key}.".startswith("verdict.metric.")), None)
        if key is not None:
            raise RecipeError(f"--over {key}: trials are compared by this figure. Leave the key out of --over.")
        for name in ("metric", "for_best_epoch"):
            if isinstance(getattr(self.base.verdict, name), MeanAbsoluteError):
                chosen = "metric" if name == "metric" else "metric_for_best_epoch"
                raise RecipeError(
                    f"A sweep compares figures of which more is better, and verdict.{chosen} is mean_absolute_error. Sweep "
                    f"with --set verdict.{chosen}=quadratic_weighted_kappa."
                )

    def _alone(self) -> Iterator[str]:
        for dimension in self.space.dimensions:
            yield from (f"{dimension.key}={value}" for value in dimension.tried)

    def _try(self, overrides: tuple[str, ...], problems: dict[str, str]) -> None:
        given_with = f"--over {' '.join(overrides)}"
        try:
            Recipe.load(self.name, (*self.sets, *overrides), given_with=given_with)
        except RecipeError as error:
            message = str(error)
            problems.setdefault(message.replace(given_with, "").replace("--set", "--over"), message)

    def check_models(self) -> str:
        """Find data and models of every combination, and have them fit each other; nothing is trained.

        Returns:
            The digest of the rows of valid, the same for all.

        Raises:
            UserInputError: one cannot be had or does not fit.
            RecipeError: the rows of valid are not the same for all values.
        """
        rows = [self.base] if self.space.tried() > MOST_CHECKED else list(map(self.recipe, self.space.combinations()))
        splits: dict[str, Splits] = {}
        teachers: dict[str, tuple[TeacherInit, ...]] = {}
        students: set[str] = set()
        for recipe in rows:
            data = recipe.data.model_dump_json()
            if data not in splits:
                splits[data] = _splits(recipe.data)
            check_against_data(recipe, splits[data])
            forms = [*map(_form, recipe.teachers)]
            made_from = f"{data}{forms}{recipe.soft_labels.model_dump_json()}"
            if made_from not in teachers:
                teachers[made_from] = resolve_teachers(recipe, splits[data])
                views_model(recipe)
            pupil = f"{made_from}{_form(recipe.student)}"
            if pupil not in students:
                resolve_student(recipe.student, surroundings(recipe, splits[data], teachers[made_from][0]))
                students.add(pupil)
        digests = {each.valid.digest for each in splits.values()}
        if len(digests) > 1:
            keys = ", ".join(key for key in self.space.keys if key.startswith("data."))
            raise RecipeError(
                f"--over {keys}: these values change the rows or labels of valid, so that figures on it could not be "
                "compared. Leave the key out of --over."
            )
        return digests.pop()

    @property
    def has_range(self) -> bool:
        """Whether a key has a range."""
        return any(isinstance(each, Range) for each in self.space.dimensions)


def _splits(data: Data) -> Splits:
    return load_splits(data, locate(data))


def _form(section: Training) -> str:
    """What a model is made from, as text; the settings of its training change nothing about that."""
    return section.model_dump_json(exclude=set(Training.model_fields))
