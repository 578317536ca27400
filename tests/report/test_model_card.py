"""The model card: what the Hub reads of it, and what is said of LIAR alone."""

import json
from copy import deepcopy

import pytest
import yaml

from alambique.data.liar import GROUPS
from alambique.report.model_card import model_card as card_of
from alambique.report.schema import Report


def model_card(report, **how):
    return card_of(Report.model_validate(report), **how)


@pytest.fixture(scope="module")
def report(exported):
    return json.loads((exported[0] / "report.json").read_text("utf-8"))


def of_liar(report, **data):
    changed = deepcopy(report)
    changed["recipe"]["data"] |= {"source": "ucsbnlp/liar", "label_groups": "six", **data}
    changed["recipe"]["teacher"]["model"] = "google-bert/bert-base-uncased"
    changed["recipe"]["student"]["model"] = "distilbert/distilbert-base-uncased"
    return changed


def metadata(card):
    begin, block, _ = card.split("---\n", 2)
    assert begin == ""
    return yaml.safe_load(block)


def test_a_card_of_liar_names_its_licence_and_limits(report):
    card = model_card(of_liar(report), name="ann/small")
    fields = metadata(card)
    assert {name: fields[name] for name in ("language", "license", "license_name", "license_link", "datasets")} == {
        "language": ["en"], "license": "other", "license_name": "research-only",
        "license_link": "https://aclanthology.org/P17-2067", "datasets": ["ucsbnlp/liar"],
    }  # fmt: skip
    assert fields["base_model"] == ["distilbert/distilbert-base-uncased", "google-bert/bert-base-uncased"]
    assert fields["model-index"][0]["name"] == "small"
    assert fields["model-index"][0]["results"][0]["dataset"] == {
        "name": "ucsbnlp/liar", "type": "ucsbnlp/liar", "split": "test"
    }  # fmt: skip
    assert "**it checks no facts**" in card
    assert "may be used for research only" in card


def test_files_of_liar_are_known_by_their_labels(report):
    changed = of_liar(report, source="/home/ann/liar", label_groups=None)
    changed["data"]["label_names"] = sorted(set(GROUPS["six"].values()))
    card = model_card(changed, name="ann/small")
    assert metadata(card)["license_name"] == "research-only"
    assert "datasets" not in metadata(card)
    assert "/home/ann" not in card


def test_liar_grouped_by_a_mapping_of_ones_own_is_known(report):
    groups = {name: "lie" if "f" in name else "other" for name in GROUPS["six"]}
    changed = of_liar(report, source="/liar", label_groups=groups)
    changed["data"]["label_names"] = ["lie", "other"]
    assert metadata(model_card(changed, name="ann/small"))["license_name"] == "research-only"


@pytest.mark.parametrize(
    "path", ["C:\\Users\\ann\\x.tsv", "C:/Users/ann/x.tsv", "home/ann/secret/x.tsv", "/home/ann/x.tsv/"]
)
def test_a_card_names_only_the_last_part_of_a_path(report, path):
    card = model_card(of_liar(report, source=path), name="ann/small")
    assert "ann/x" not in card
    assert "ann\\" not in card
    assert "secret" not in card
    assert "datasets" not in metadata(card)
    assert metadata(card)["model-index"][0]["results"][0]["dataset"]["name"] == "x.tsv"


def test_a_model_that_replaces_words_is_named_without_its_folders(report):
    changed = deepcopy(report)
    views = {"count": 4, "dropout": 0.1, "model": "/home/ann/mlm", "replace": 0.15}
    changed["recipe"]["soft_labels"] = {**changed["recipe"]["soft_labels"], "views": views}
    card = model_card(changed, name="ann/small")
    assert "/home/ann" not in card
    assert "\n    model: mlm\n" in card


def test_of_other_data_nothing_is_said_that_is_not_known(report):
    card = model_card(report)
    assert not {"license", "language", "datasets", "base_model"} & set(metadata(card))
    assert "facts" not in card
    assert 'pipeline("text-classification", "student")' in card
    assert "every choice is in `recipe.yaml`" in card


def test_the_recipe_of_a_published_card_makes_the_same_choices(report):
    card = model_card(of_liar(report), name="ann/small")
    recipe = yaml.safe_load(card.rsplit("```yaml\n", 1)[1].split("```", 1)[0])
    assert recipe["distillation"] == report["recipe"]["distillation"]
    assert recipe["data"]["source"] == "ucsbnlp/liar"


def test_a_card_of_one_seed_says_what_it_cannot_tell(report):
    one, several = deepcopy(report), deepcopy(report)
    one["verdict"]["counts"], several["verdict"]["counts"] = "rows only", "rows and seeds"
    only = "Each model was trained once, and rows alone cannot tell what another seed would give: "
    assert "(95 % interval over rows only: " in model_card(one, name="ann/small")
    assert only in model_card(one, name="ann/small")
    assert "(95 % interval over rows and seeds: " in model_card(several, name="ann/small")
    assert only not in model_card(several, name="ann/small")


def test_the_loss_is_named_with_its_options(report):
    changed = deepcopy(report)
    assert "Loss kl, temperature 2.0, hard-label weight 0.5, seed 0.\n" in model_card(report)
    changed["recipe"]["distillation"]["loss"] = {"name": "dkd", "alpha": 1.0, "beta": 8.0}
    assert "Loss dkd (alpha 1.0, beta 8.0), temperature 2.0, hard-label weight 0.5, seed 0.\n" in model_card(changed)


def test_values_that_move_and_the_epochs_are_said(report):
    changed = deepcopy(report)
    changed["recipe"]["distillation"] |= {"temperature": [4.0, 1.0], "hard_label_weight": [0.2, 0.8]}
    planned = report["recipe"]["student"]["epochs"]
    for name, made in (("student", [planned - 1]), ("undistilled", [planned - 1])):
        changed["models"][name]["epochs"] = {"planned": planned, "made": made}
    assert (
        "Loss kl, temperature 4.0 to 1.0, hard-label weight 0.2 to 0.8, seed 0.\n"
        f"Epochs made of those planned: Teacher {report['recipe']['teacher']['epochs']} of "
        f"{report['recipe']['teacher']['epochs']}; Student (distilled) {planned - 1} of {planned}; Student without "
        f"distillation {planned - 1} of {planned} (the same steps and learning rates as its student, which stopped early).\n"
        "Made by Alambique "
    ) in model_card(changed)


def test_a_card_without_a_verdict_says_so(report):
    card = model_card({**report, "verdict": None})
    assert "**Verdict not computed**: on test the student reaches " in card
    assert "keeps" not in card.split("## How to use it")[0]


def test_all_teachers_of_a_list_are_its_bases_and_none_has_a_path(report):
    changed = deepcopy(report)
    teacher = changed["recipe"]["teacher"]
    changed["recipe"]["teacher"] = [
        {**teacher, "model": "acme/bert"}, {**teacher, "model": "/home/ann/mine"}, {**teacher, "model": "acme/roberta"},
    ]  # fmt: skip
    card = model_card(changed, name="ann/small")
    assert metadata(card)["base_model"] == ["acme/bert", "acme/roberta"]
    recipe = yaml.safe_load(card.rsplit("```yaml\n", 1)[1].split("```", 1)[0])
    assert [each["model"] for each in recipe["teacher"]] == ["acme/bert", "mine", "acme/roberta"]
