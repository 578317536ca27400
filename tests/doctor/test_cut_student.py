"""The student with a cut vocabulary, as the doctor sees it."""

import pytest

from alambique import Recipe
from alambique.data.load import load_splits, locate
from alambique.doctor.cut_student import cut_form
from alambique.models.cut_vocabulary import CutVocabulary
from alambique.models.from_scratch import FromScratch
from alambique.recipe.made_models import Scratch


@pytest.fixture
def form():
    return FromScratch(Scratch(layers=1, width=16, heads=2))


def splits_of(recipe):
    return load_splits(recipe.data, locate(recipe.data))


def test_without_the_key_the_form_is_the_same(tiny_recipe, tokenizer, form):
    recipe = Recipe.from_dict(tiny_recipe())
    assert cut_form(recipe, form, tokenizer, splits_of(recipe)) is form


def test_it_has_the_tokens_of_train_and_single_characters(tiny_recipe, tokenizer, form):
    recipe = Recipe.from_dict(tiny_recipe(student={"vocabulary": "auto"}))
    splits = splits_of(recipe)
    cut = cut_form(recipe, form, tokenizer, splits)
    assert isinstance(cut, CutVocabulary)
    read = {token for text in splits.train.texts for token in tokenizer.tokenize(text)}
    single = {token for token in tokenizer.get_vocab() if len(token.removeprefix("##")) == 1}
    assert set(cut.tokenizer.get_vocab()) == read | single | set(tokenizer.all_special_tokens)
