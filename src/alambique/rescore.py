"""Score the saved models of a run again, without its kept predictions."""

from pathlib import Path

from alambique.evaluate import load_scorer
from alambique.metrics import accuracy, macro_f1
from alambique.progress import Reporter
from alambique.recipe import Recipe
from alambique.report.facts import run_data
from alambique.run import DATA, MODELS, RECIPE, RunFolder


def rescore(folder: Path, split_name: str, *, show: Reporter) -> dict[str, dict[str, float]]:
    """Accuracy and macro-F1 of teacher, student and twin on ``valid`` or ``test``.

    Raises:
        RunFolderError: the folder is no complete run.
        DamagedArtefactError: an artefact does not hold what its manifest says.
    """
    run = RunFolder.existing(folder)
    recipe = Recipe.load(run.path / RECIPE)
    run.finished(DATA)
    splits, _ = run_data(run)
    split = next(split for split in splits if split.name == split_name)
    scores = {}
    for name in MODELS:
        run.finished(name)
        with show.stage(f"scoring {name}") as step:
            step.start(len(split))
            scorer, _ = load_scorer(run.path / name, name, max_length=recipe.data.max_length, advance=step.advance)
            logits = scorer(split)
        scores[name] = {"accuracy": accuracy(logits, split.labels), "macro_f1": macro_f1(logits, split.labels)}
    return scores
