"""Which student is trained first."""

from alambique.frontier.budget import Budget
from alambique.frontier.forms import Form, default_forms, own_form
from alambique.frontier.order import Shape, estimate, most_promising_first
from alambique.recipe.recipe import Recipe

LIAR = Recipe.load("liar-small")
FORMS, OWN, TEACHER = (*default_forms(LIAR, 6, 384), Form(layers=6)), own_form(LIAR), Shape(6, 384, 30_522)


def order(*budgets):
    return [form.name for form in most_promising_first(FORMS, OWN, [*map(Budget.parse, budgets)], TEACHER)]


def test_without_a_budget_the_recipes_own_is_first_and_then_the_cheapest():
    assert order() == [
        "3 layers", "static, pruned", "static", "2 layers, width 192", "1 layer, pruned", "2 layers, pruned",
        "3 layers, pruned", "4 layers", "6 layers",
    ]  # fmt: skip


def test_with_a_budget_the_largest_that_may_meet_it_is_first_and_the_farthest_last():
    within = order("20 MB")
    assert within[0] == "4 layers"
    assert within[-1] == "6 layers"
    assert order("1 MB")[-1] == "6 layers"
    assert order("1 MB")[0] == "static, pruned"
    assert order("0.1 ms")[:2] == ["static", "static, pruned"]


def test_estimates_are_of_the_size_of_liar_small():
    size = estimate(Form(layers=3, pruned=True), TEACHER).bytes
    assert 8e6 < size < 12e6
    assert estimate(Form(own="a checkpoint"), TEACHER) == estimate(Form(layers=3), TEACHER)
