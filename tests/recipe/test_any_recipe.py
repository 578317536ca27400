"""Whatever a recipe or a --set holds: it is a recipe or it is refused with one message; there is no third outcome."""

from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

import alambique
from alambique.errors import RecipeError
from alambique.recipe.recipe import Recipe

QUICK = settings(deadline=None, max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture])
SHIPPED = sorted((Path(alambique.__file__).parent / "recipes").glob("*.yaml"))
KEYS = sorted(
    f"{section}.{key}" for section, keys in Recipe.load("quickstart").model_dump().items() if isinstance(keys, dict)
    for key in keys
)  # fmt: skip
plain = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | plain,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(plain, inner, max_size=3),
    max_leaves=6,
)


def look_at(name, *overrides):
    try:
        recipe = Recipe.load(name, overrides)
    except RecipeError:
        return
    assert Recipe.from_dict(yaml.safe_load(recipe.to_yaml())) == recipe


@QUICK
@given(text=plain | st.text(st.sampled_from("data:teacher{}[]-&*!|>%@ \n\t0.5e'\""), max_size=60))
@example(text="data: {source: a, text: b, label: c}\n---\nseeds: [1]")
@example(text="&a [*a]")
@example(text="? [1]\n: 2")
@example(text="!!binary aa")
@example(text="0o17: 1\n1_000: 2")
def test_any_text_is_a_recipe_or_a_message(tmp_path, text):
    path = tmp_path / "my.yaml"
    path.write_text(text, "utf-8")
    look_at(path)


@pytest.mark.parametrize("shipped", SHIPPED, ids=lambda path: path.stem)
@QUICK
@given(data=st.data())
def test_a_shipped_recipe_that_was_changed_is_a_recipe_or_a_message(tmp_path, shipped, data):
    text = shipped.read_text("utf-8")
    begin = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(begin, min(len(text), begin + 30)))
    path = tmp_path / "my.yaml"
    path.write_text(text[:begin] + data.draw(plain) + text[end:], "utf-8")
    look_at(path)


@QUICK
@given(key=st.sampled_from(KEYS), value=values)
@example(key="teacher.learning_rate", value=float("nan"))
@example(key="student.epochs", value=10**30)
@example(key="data.label_groups", value={"": ""})
def test_any_value_of_any_key_is_a_recipe_or_a_message(key, value):
    look_at("quickstart", f"{key}={yaml.safe_dump(value, default_flow_style=True, allow_unicode=True)}")
