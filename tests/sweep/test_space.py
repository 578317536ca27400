"""What --over takes, and what it refuses."""

import pytest

from alambique.errors import RecipeError
from alambique.sweep.space import Choices, Range, Space


def test_lists_are_cut_at_commas_outside_brackets_and_quotes():
    space = Space.parse([
        "distillation.loss=kl, {name: dkd, beta: 2},mse", "distillation.temperature=2,[4, 1]",
        "data.text=\"a, b\",don't,'c,d'",
    ])  # fmt: skip
    assert space.dimensions == (
        Choices("distillation.loss", ("kl", "{name: dkd, beta: 2}", "mse")),
        Choices("distillation.temperature", ("2", "[4, 1]")),
        Choices("data.text", ('"a, b"', "don't", "'c,d'")),
    )
    assert space.size == 3 * 2 * 3
    assert next(space.combinations()) == ("kl", "2", '"a, b"')


@pytest.mark.parametrize(
    ("over", "expected"),
    [
        ("a.b=0.1..0.9", Range("a.b", 0.1, 0.9, whole=False, log=False)),
        ("a.b=2..12", Range("a.b", 2, 12, whole=True, log=False)),
        ("a.b=1e-5 .. 1e-3 log", Range("a.b", 1e-5, 1e-3, whole=False, log=True)),
        ("a.b=1.0..8", Range("a.b", 1, 8, whole=False, log=False)),
        ("a.b=-1..1", Range("a.b", -1, 1, whole=True, log=False)),
        ("a.b=../x,../y", Choices("a.b", ("../x", "../y"))),
    ],
)
def test_a_range_is_two_numbers_with_two_dots(over, expected):
    assert Space.parse([over]).dimensions == (expected,)


def test_what_is_given_is_read_back_as_the_same():
    given = ["a.b=1e-5 .. 1e-3 log", "c= x , y", "d=2..12", "e=0.25..4"]
    space = Space.parse(given)
    assert space.given == ("a.b=1e-05..0.001 log", "c=x,y", "d=2..12", "e=0.25..4.0")
    assert Space.parse(space.given) == space
    assert space.size is None
    assert space.tried() == 16


def test_values_of_a_range_have_four_digits_and_stay_between_its_ends():
    rate = Range("rate", 1.23456e-5, 1e-3, whole=False, log=True)
    assert [rate.text(value) for value in (1.23456e-5, 5.55555e-4, 1e-3)] == ["1.235e-05", "0.0005556", "0.001"]
    narrow = Range("x", 0.12344, 0.12346, whole=False, log=False)
    assert narrow.text(0.12346) == "0.12346"  # 0.1235 lies beyond it
    assert Range("n", 2, 12, whole=True, log=False).text(7) == "7"


@pytest.mark.parametrize(
    ("over", "message"),
    [
        (["student.epochs"], "--over student.epochs is not of the form key=values, as in --over student.epochs=6,12 or "
         "--over student.learning_rate=1e-5..1e-3 log."),
        (["a..b=1"], "--over a..b=1 is not of the form key=values, as in --over student.epochs=6,12 or "
         "--over student.learning_rate=1e-5..1e-3 log."),
        (["a=1,,2"], "--over a=1,,2 lacks a value, or has a comma too many."),
        (["a="], "--over a= lacks a value, or has a comma too many."),
        (["a=1,2,1"], "--over a=1,2,1 names 1 twice."),
        (["a=1", "a=2"], "--over names a twice."),
        (["a=[1,2"], "--over a=[1,2 ends within brackets."),
        (["a='1,2"], "--over a='1,2 ends within quotes."),
        (["a=2..1"], "--over a=2..1: the first end of a range must be less than the second, and both finite."),
        (["a=1..1e999"], "--over a=1..1e999: the first end of a range must be less than the second, and both finite."),
        (["a=0..1 log"], "--over a=0..1 log: a logarithmic range must begin above 0."),
        (["a=1..2 lin"], "--over a=1..2 lin: after a range there may be log, not lin."),
        (["seeds=1,2"], "--over seeds: each trial is the mean over the seeds of the recipe; give them with --set."),
        (["teacher.1.allow_weak=true,false"],
         "--over teacher.1.allow_weak: it changes no model; give it with --set."),
        (["student.seeds=1,2"],
         "--over student.seeds: each trial is the mean over the trainings of the recipe; give their number with --set."),
        (["export.formats=[],[onnx]"], "--over export.formats: a trial exports nothing."),
        (["b=1,2"], "b is given with --set and with --over; leave one of them out."),
    ],
)  # fmt: skip
def test_what_cannot_be_read_or_chosen_is_refused(over, message):
    with pytest.raises(RecipeError) as refused:
        Space.parse(over, ["b=3"])
    assert str(refused.value) == message


def test_the_values_of_a_trial_as_set_takes_them():
    space = Space.parse(["a.b=1,2", "c=0.1..0.2"])
    assert space.keys == ("a.b", "c")
    assert space.overrides(("2", "0.15")) == ("a.b=2", "c=0.15")
    assert space.by_key(("2", "0.15")) == {"a.b": "2", "c": "0.15"}
