"""Which students a frontier trains, each with its recipe, checked before anything is trained."""

from collections.abc import Sequence
from dataclasses import dataclass

from alambique.data.load import load_splits, locate
from alambique.errors import ModelError, RecipeError
from alambique.frontier.budget import Budget
from alambique.frontier.forms import DEFAULTS, Form, default_forms, own_form
from alambique.frontier.order import Shape, most_promising_first
from alambique.models.fewer_layers import depth_of
from alambique.preparation import check_against_data, surroundings, views_model
from alambique.recipe.recipe import Recipe
from alambique.recipe.sections import FORMS
from alambique.recipe.verdict import MeanAbsoluteError
from alambique.stages.student import resolve_student
from alambique.stages.teacher import TeacherInit, resolve_teachers

_SIZES = tuple(f"student.{form}" for form in FORMS["student"])


@dataclass(frozen=True)
class Plan:
    """What a frontier was asked for.

    Attributes:
        name: of the recipe, or its file.
        sets: what ``--set`` and ``--rows`` were given.
        base: the recipe as it is.
        named: forms that were named.
        defaults: whether there are those too that a frontier has by default.
        budgets: all of which the choice must meet.
    """

    name: str
    sets: tuple[str, ...]
    base: Recipe
    named: tuple[Form, ...]
    defaults: bool
    budgets: tuple[Budget, ...]

    @classmethod
    def load(
        cls, name: str, *, sets: Sequence[str] = (), rows: int | None = None, forms: Sequence[str] = (),
        budgets: Sequence[str] = (),
    ) -> "Plan":  # fmt: skip
        """Read what the command line was given.

        Args:
            name: of the recipe, or its file.
            sets: settings of recipe keys.
            rows: short for ``data.max_rows``.
            forms: of students.
            budgets: what the choice may cost.

        Raises:
            RecipeError: the recipe, a form or a budget cannot be used.
        """
        limits = tuple(Budget.parse(text) for text in budgets)
        keys = [each.partition("=")[0].strip() for each in sets]
        if rows is not None and "data.max_rows" in keys:
            raise RecipeError("data.max_rows is given with --set and with --rows; leave one of them out.")
        size = next((key for key in keys if key == "student" or key.startswith(_SIZES)), None)
        if size is not None:
            raise RecipeError(
                f"--set {size} fixes the size of the student, and a frontier has several. Name those that you want, as in "
                '--forms "3 layers" --forms "static, width 128", or write the key into the recipe: its own student is '
                "always among them, and is --forms own."
            )
        given = (*sets, *([] if rows is None else [f"data.max_rows={rows}"]))
        base = Recipe.load(name, given)
        if isinstance(base.verdict.metric, MeanAbsoluteError):
            raise RecipeError(
                "A frontier compares figures of which more is better, and verdict.metric is mean_absolute_error. Add --set "
                "verdict.metric=quadratic_weighted_kappa."
            )
        own = own_form(base)
        one_by_one = [text for text in forms if text.strip().lower() != DEFAULTS]
        named = tuple(dict.fromkeys(Form.parse(text, own) for text in one_by_one))
        plan = cls(name, given, base, named, len(one_by_one) < len(forms) or not forms, limits)
        for form in plan.named:
            plan.recipe(form)
        return plan

    def recipe(self, form: Form) -> Recipe:
        """The recipe of a form.

        Raises:
            RecipeError: it does not accept such a student.
        """
        settings = form.settings(self.base)
        return Recipe.load(self.name, (*self.sets, *settings), given_with=f'the form "{form.name}"')

    def check(self) -> tuple[dict[Form, Recipe], dict[Form, str]]:
        """Find data and models, and have them fit each other; nothing is trained.

        Returns:
            The recipe of each form, in the order in which they are trained; of others of the default list, why they cannot
            be made.

        Raises:
            UserInputError: data or teacher cannot be used, or a form that was named cannot be made.
        """
        base = self.base
        splits = load_splits(base.data, locate(base.data))
        check_against_data(base, splits)
        teacher = resolve_teachers(base, splits)[0]
        views_model(base)
        shape = _shape(teacher)
        recipes: dict[Form, Recipe] = {}
        left_out: dict[Form, str] = {}
        usual = default_forms(base, _depth(teacher), None if shape is None else shape.width) if self.defaults else ()
        forms = tuple(dict.fromkeys((*self.named, *usual)))
        for form in forms:
            try:
                recipe = self.recipe(form)
                check_against_data(recipe, splits)
                resolve_student(recipe.student, surroundings(recipe, splits, teacher))
            except (ModelError, RecipeError) as error:
                if form in self.named or form == own_form(base):
                    raise
                left_out[form] = str(error)
            else:
                recipes[form] = recipe
        order = most_promising_first([*recipes], own_form(base), self.budgets, shape or Shape())
        return {form: recipes[form] for form in order}, left_out


def _depth(teacher: TeacherInit) -> int | None:
    if teacher.config is None:
        return None
    try:
        return depth_of(teacher.config)
    except ModelError:
        return None


def _shape(teacher: TeacherInit) -> Shape | None:
    """The sizes of a teacher; None for one without weights."""
    config = teacher.config
    if config is None:
        return None
    text, usual = config.get_text_config(), Shape()
    values = text.to_dict() | {name: getattr(text, name) for name in text.attribute_map}
    return Shape(
        _depth(teacher) or usual.layers,
        int(values.get("hidden_size") or usual.width),
        int(values.get("vocab_size") or usual.vocabulary),
    )
