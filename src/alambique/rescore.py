"""Score the saved models of a run again, without its kept predictions."""

from pathlib import Path

from alambique.data import read_splits
from alambique.errors import RunFolderError
from alambique.evaluate import load_scorer
from alambique.metrics import accuracy, macro_f1
from alambique.progress import Reporter
from alambique.recipe import Recipe
from alambique.run import DATA, MODELS, RECIPE, RunFolder


def rescore(folder: Path, split_name: str, *, show: Reporter) -> dict[str, dict[str, float]]:
    """Accuracy and macro-F1 of teacher, student and twin on ``valid`` or ``test``.

    Raises:
        RunFolderError: the folder is no complete run.
    """
    run = RunFolder.existing(folder)
    recipe = Recipe.load(run.path / RECIPE)
    missing = [name for name in (DATA, *MODELS) if not (run.path / name).is_dir()]
    if missing:
        raise RunFolderError(f"{run.path} has no {', '.join(missing)} yet. Finish it with alambique distill.")
    split = next(split for split in read_splits(run.path / DATA) if split.name == split_name)
    scores = {}
    for name in MODELS:
        with show.stage(f"scoring {name}") as step:
            step.start(len(split))
            scorer, _ = load_scorer(run.path / name, name, max_length=recipe.data.max_length, advance=step.advance)
            logits = scorer(split)
        scores[name] = {"accuracy": accuracy(logits, split.labels), "macro_f1": macro_f1(logits, split.labels)}
    return scores
