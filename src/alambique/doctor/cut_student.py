"""The student whose vocabulary the recipe cuts, as far as a sample of the rows shows it."""

from typing import TYPE_CHECKING

from alambique.artefacts.kept_vocabulary import KeptVocabulary
from alambique.artefacts.splits import Splits
from alambique.artefacts.tokens import tokenize_rows
from alambique.doctor.batches import IDS, sample
from alambique.models.cut_vocabulary import CutVocabulary
from alambique.models.student_form import StudentForm
from alambique.models.vocabulary import choose_tokens
from alambique.recipe.recipe import Recipe

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

_ROWS = 2000  # of train; a run counts all of them


def cut_form(recipe: Recipe, form: StudentForm, tokenizer: "PreTrainedTokenizerBase", splits: Splits) -> StudentForm:
    """The form with the tokens of these rows alone, or the form itself where the recipe cuts no vocabulary.

    Raises:
        ModelError: the vocabulary of its tokenizer cannot be cut, or not so far.
    """
    size = recipe.student.vocabulary
    if size is None:
        return form
    segments = sample(splits.train, _ROWS).segments()
    tokens = tokenize_rows(tokenizer, segments, max_length=recipe.data.max_length)
    kept, whole = choose_tokens(tokenizer, [tokens.columns[IDS]], size)
    return CutVocabulary(form, "", KeptVocabulary(kept, whole, 1.0), tokenizer)
