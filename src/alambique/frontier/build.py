"""The frontier: form after form in one folder, each a run; then costs, the choice, and the chosen student beside them."""

from pathlib import Path

import alambique
from alambique.distributed.launch import refuse_several_processes
from alambique.errors import FrontierError, ModelError, NonFiniteError, RecipeError
from alambique.frontier.choice import choose
from alambique.frontier.collect import form_result, on_test, point_name, points_of, references_of, timed_models
from alambique.frontier.costs import measure
from alambique.frontier.folder import (
    FRONTIER_HTML,
    FRONTIER_JSON,
    form_folder,
    form_folders,
    frontier_folder,
)
from alambique.frontier.form_run import TrainedForm, read_form, train_form
from alambique.frontier.forms import Form
from alambique.frontier.page import frontier_page
from alambique.frontier.plan import Plan
from alambique.frontier.result import FormResult, FrontierResult, Machine, OnTest, Point
from alambique.pipeline import finish
from alambique.preparation import prepare
from alambique.progress import Reporter, quiet_libraries
from alambique.recipe.recipe import Recipe
from alambique.report.numbers import interval, percent
from alambique.report.results import read_results
from alambique.run.folder import RunFolder
from alambique.run.integrity import read_json, write_text
from alambique.run.layout import ONNX
from alambique.run.work import remove
from alambique.stages.teacher import resolve_teachers

# errors that come of a form: the others go on
_OF_ITS_FORM = (NonFiniteError, RecipeError, ModelError)


def frontier(plan: Plan, out: Path, *, reporter: Reporter | None = None) -> FrontierResult:
    """Make the students of a frontier that are not made yet, measure them, choose one, and make the run of the choice.

    Args:
        plan: what was asked for.
        out: the folder; it is created, or gone on with.
        reporter: receives the progress; by default it is not shown.

    Raises:
        UserInputError: recipe, forms, data, models or folder are at fault; nothing is left of a folder created here.
        WeakTeacherError: the teacher is not better than guessing.
        FrontierError: no student could be trained.
    """
    reporter = reporter or Reporter()
    refuse_several_processes("alambique frontier")
    checked: list[tuple[dict[Form, Recipe], dict[Form, str]]] = []

    def check() -> None:
        reporter.say("frontier: checks data and models of all students")
        with quiet_libraries():
            checked.append(plan.check())

    with frontier_folder(out, plan.base, check) as folder:
        recipes, left_out = checked[0]
        made = _Frontier(plan, recipes, folder, dict(left_out), reporter, out)
        for number, form in enumerate(recipes, start=1):
            made.train(form, f"{number} of {len(recipes)}")
        return made.finish()


class _Frontier:
    """A frontier that is under way, in a locked folder."""

    def __init__(
        self,
        plan: Plan,
        recipes: dict[Form, Recipe],
        folder: Path,
        failed: dict[Form, str],
        reporter: Reporter,
        out: Path,
    ) -> None:
        self.plan, self.recipes, self.folder, self.failed, self.reporter = plan, recipes, folder, failed, reporter
        self.out = out
        self.trained: list[TrainedForm] = []
        for form, reason in failed.items():
            reporter.say(f"{form.name}: left out. {reason}")

    def train(self, form: Form, place: str) -> None:
        """Make the run of one form."""
        self.reporter.say(f"student {place}: {form.name}")
        run = form_folder(self.folder, form)
        siblings = tuple(each for each in form_folders(self.folder) if each != run)
        try:
            train_form(self.recipes[form], run, siblings, self.reporter)
        except _OF_ITS_FORM as error:
            self.failed[form] = str(error)
            self.reporter.say(f"{form.name}: failed. {error}")
            return
        trained = read_form(form, run)
        self.trained.append(trained)
        for variant in trained.variants:
            figure = "refused by the parity gate"
            if variant.on_valid is not None:
                valid = variant.on_valid.figure
                figure = f"{percent(valid.mean)} % on valid ({interval(valid)}), {variant.bytes / 1e6:.1f} MB"
            self.reporter.say(f"{point_name(trained, variant)}: {figure}")

    def finish(self) -> FrontierResult:
        """Measure, choose, make the run of the choice, and write the report.

        Raises:
            FrontierError: no student could be trained.
        """
        if not self.trained:
            reasons = dict.fromkeys(self.failed.values())
            raise FrontierError("\n".join(["No student could be trained:", *(f"  {reason}" for reason in reasons)]))
        results = self.trained[0].results
        with quiet_libraries():
            run = RunFolder(self.folder, say=self.reporter.say)
            costs = measure(run, timed_models(self.trained), results.splits.valid, self.reporter)
        points = points_of(self.trained, costs, self.plan.budgets)
        choice = choose([point for point in points if point.offered], self.plan.budgets)
        looked, test = self._looked_at(), None
        if choice.point is not None:
            test = self._adopt(choice.point)
            looked = tuple(dict.fromkeys((*looked, choice.point.form)))
        result = FrontierResult(
            alambique=alambique.__version__, recipe=self.plan.name, sets=self.plan.sets,
            budgets=tuple(budget.text for budget in self.plan.budgets), metric=results.task.verdict_metric,
            valid_rows=len(results.splits.valid), trainings=len(results.trainings), points=points,
            forms=(*map(form_result, self.trained), *self._failures()), references=references_of(self.trained[0], costs),
            machine=Machine(**costs["machine"], rates=tuple(costs["rates"])), choice=choice.point and choice.point.name,
            why=choice.why, nearest=choice.nearest and choice.nearest.name, test=test, looked_at=looked,
        )  # fmt: skip
        write_text(self.folder / FRONTIER_JSON, result.to_json())
        write_text(self.folder / FRONTIER_HTML, frontier_page(result, str(self.out)))
        return result

    def _failures(self) -> list[FormResult]:
        return [FormResult(name=form.name, failed=reason) for form, reason in self.failed.items()]

    def _adopt(self, point: Point) -> OnTest:
        """Make the whole folder the run of the chosen student, with test; teacher, labels and students are taken over."""
        self.reporter.say(f"choice: {point.name}; makes its run, with test")
        form = next(each.form for each in self.trained if each.form.name == point.form)
        recipe = _exporting(self.recipes[form], point)
        siblings = (form_folder(self.folder, form), *form_folders(self.folder))
        run = RunFolder(self.folder, say=self.reporter.say, fallbacks=tuple(dict.fromkeys(siblings)))
        before = run.recorded_key(ONNX).get("formats")
        if before is not None and set(before) != set(recipe.export.formats):
            remove(self.folder / ONNX)  # else the file of an earlier choice would stay, and be taken first
        with quiet_libraries():
            finish(run, prepare(run, recipe, resolve_teachers, self.reporter), self.reporter)
            return on_test(read_results(run))

    def _looked_at(self) -> tuple[str, ...]:
        """Forms that earlier commands chose here."""
        before = read_json(self.folder / FRONTIER_JSON)
        looked = before.get("looked_at", []) if isinstance(before, dict) else []
        return tuple(map(str, looked)) if isinstance(looked, list) else ()


def _exporting(recipe: Recipe, point: Point) -> Recipe:
    """The recipe with the exports that have ``predict`` and ``serve`` take the precision that was chosen."""
    formats = {"int8": ("onnx", "int8"), "onnx": ("onnx",), "torch": (), "numpy": recipe.export.formats}[point.runtime]
    return recipe.model_copy(update={"export": recipe.export.model_copy(update={"formats": formats})})
