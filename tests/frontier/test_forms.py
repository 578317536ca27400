"""Forms of student: how they are named, which there are by default, and the recipes that they make."""

import pytest

from alambique import Recipe
from alambique.errors import RecipeError
from alambique.frontier.forms import Form, default_forms, own_form

LIAR = Recipe.load("liar-small")


def student(form, base=LIAR, name="liar-small", sets=()):
    return Recipe.load(name, (*sets, *form.settings(base))).student


@pytest.mark.parametrize(
    ("text", "form", "name", "slug"),
    [
        ("3 layers", Form(layers=3), "3 layers", "3-layers"),
        ("1 layer pruned", Form(layers=1, pruned=True), "1 layer, pruned", "1-layer-pruned"),
        ("Pruned,3 Layers", Form(layers=3, pruned=True), "3 layers, pruned", "3-layers-pruned"),
        ("2 layers, width 128", Form(layers=2, width=128), "2 layers, width 128", "2-layers-width-128"),
        ("static", Form(static=True), "static", "static"),
        ("static width 64 pruned", Form(static=True, width=64, pruned=True), "static, width 64, pruned",
         "static-width-64-pruned"),
        ("own", Form(layers=3), "3 layers", "3-layers"),
    ],
)  # fmt: skip
def test_forms_are_read_and_named(text, form, name, slug):
    assert Form.parse(text, own_form(LIAR)) == form
    assert (form.name, form.slug) == (name, slug)


@pytest.mark.parametrize(
    "text", ["", "3", "0 layers", "layers", "static 3 layers", "width 128", "static static", "3 layers thin"]
)
def test_what_is_not_a_form_is_refused(text):
    with pytest.raises(RecipeError) as refused:
        Form.parse(text, own_form(LIAR))
    assert str(refused.value) == (
        f'--forms "{text}" is not a form of student. Give a number of the teacher\'s layers ("3 layers"), a narrower one '
        'from scratch ("2 layers, width 128"), "static" or "static, width 128", each with ", pruned" for a smaller '
        'vocabulary; "own", the recipe\'s student; or "defaults", all that are trained where none is named.'
    )


def test_precisions_are_not_named():
    with pytest.raises(RecipeError) as refused:
        Form.parse("3 layers, int8, pruned")
    assert str(refused.value) == (
        '--forms "3 layers, int8, pruned": each form is measured in fp32 and in int8. Leave that out.'
    )


def test_forms_become_students_of_the_recipe():
    layered = student(Form(layers=2, pruned=True))
    assert (layered.from_teacher.architecture, layered.from_teacher.layers, layered.vocabulary) == (
        "distilbert",
        2,
        8000,
    )
    assert (layered.epochs, layered.learning_rate, layered.patience) == (6, 5e-5, 2)
    compared = Recipe.load("liar-small", ("distillation.features=hidden",))
    assert Form(layers=2, pruned=True).settings(compared)[1] == "student.vocabulary=auto"
    narrow = student(Form(layers=2, width=192))
    assert (narrow.from_scratch.width, narrow.from_scratch.heads, narrow.from_teacher) == (192, 3, None)
    assert narrow.patience is None
    assert student(Form(layers=1, width=50)).from_scratch.heads == 1
    static = student(Form(static=True, width=64))
    assert (static.static.width, static.epochs, static.learning_rate, static.patience) == (64, 20, 2e-3, None)


def test_what_the_recipe_says_of_sizes_is_kept():
    sets = (
        "student.from_teacher={architecture: same, layers: 2, choose: lower}",
        "student.vocabulary=500",
        "student.patience=4",
    )
    base = Recipe.load("liar-small", sets)
    assert own_form(base) == Form(layers=2, pruned=True)
    layered = student(Form(layers=4, pruned=True), base, sets=sets)
    assert (layered.from_teacher.architecture, layered.from_teacher.choose) == ("same", "lower")
    assert (layered.vocabulary, layered.patience) == (500, 4)
    assert student(Form(layers=4), base, sets=sets).vocabulary is None
    sets = ("student.static={width: 32, dropout: 0.1}",)
    base = Recipe.load("liar-small", sets)
    assert own_form(base) == Form(static=True)
    assert student(Form(static=True, pruned=True), base, sets=sets).static.model_dump()["dropout"] == 0.1
    assert student(Form(static=True), base, sets=sets).static.width == 32


@pytest.mark.parametrize(
    ("setting", "name", "patience"),
    [
        ("student.model=google/bert_uncased_L-2", "bert_uncased_L-2", ("student.patience=2",)),
        ("student.from_teacher={layers: [0, 2]}", "layers 0, 2", ("student.patience=2",)),
        ("student.from_scratch={layers: 1, width: 64, heads: 2}", "1 layer of width 64", ()),
    ],
)
def test_other_students_of_a_recipe_stay_as_they_are(setting, name, patience):
    base = Recipe.load("liar-small", (setting,))
    own = own_form(base)
    assert own.name == name
    assert own.settings(base) == patience


def names(*arguments):
    return [form.name for form in default_forms(*arguments)]


def test_the_default_list_follows_from_the_teacher():
    assert names(LIAR, 6, 384) == [
        "3 layers", "4 layers", "3 layers, pruned", "2 layers, pruned", "1 layer, pruned", "2 layers, width 192",
        "static", "static, pruned",
    ]  # fmt: skip
    assert names(LIAR, 12, 768)[:3] == ["3 layers", "6 layers", "4 layers"]
    assert names(LIAR, 2, 64) == ["3 layers", "1 layer, pruned", "static", "static, pruned"]
    assert names(LIAR, None, None) == ["3 layers"]  # a teacher that gives answers alone
    pairs = Recipe.load("liar-small", ("student.static={n_grams: 2, encoder: some/encoder}",))
    assert names(pairs, None, None) == ["static"]
