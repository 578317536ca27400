"""What the report says of a student whose vocabulary was cut."""

import json

from alambique.artefacts.kept_vocabulary import recorded_vocabulary
from alambique.recipe.recipe import Recipe
from alambique.report.numbers import grouped
from alambique.run.folder import RunFolder
from alambique.run.layout import VOCABULARY_FACTS, VOCABULARY_PARITY


def vocabulary_notes(run: RunFolder, of_seed: RunFolder, recipe: Recipe) -> list[str]:
    """Its size, the rows of valid that it reads otherwise, and what that costs there; nothing where none was cut.

    Args:
        run: a finished run.
        of_seed: where the student that is kept lies.
        recipe: of the run.
    """
    if recipe.student.vocabulary is None:
        return []
    kept = recorded_vocabulary(run)
    tokens = (
        f"{grouped(len(kept.ids))} of {grouped(kept.whole)} tokens (student.vocabulary: {recipe.student.vocabulary})"
    )
    if len(kept.ids) == kept.whole:
        return [f"The student has embeddings for all {grouped(kept.whole)} tokens, since its texts use them all."]
    facts = json.loads((of_seed.artefact(VOCABULARY_PARITY).folder / VOCABULARY_FACTS).read_text("utf-8"))
    before, after = (100 * value for value in facts["macro_f1"])
    drop = {end: 100 * value for end, value in facts["drop"].items()}
    read = f"{100 * kept.unchanged:.1f} % of the rows of valid in the same tokens as with all of them"
    loss = f"{drop['mean']:.1f} points ({drop['low']:.1f} to {drop['high']:.1f}, a 95 % interval over rows)"
    same = 100 * facts["agreement"]
    note = (
        f"The student has embeddings for {tokens}. It reads {read}, and other words in smaller pieces. Macro-F1 on valid is "
        f"{after:.1f} %; with all tokens it would be {before:.1f} %: it loses {loss}, and {same:.1f} % of "
        "the labels are the same."
    )
    return [note]
