"""The model card: what the Hub reads of it, and what is said of LIAR alone."""

import json
from copy import deepcopy

import pytest
import yaml

from alambique.data.liar import GROUPS
from alambique.report.model_card import model_card


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


def test_liars_licence_and_limits_are_told(report):
    card = model_card(of_liar(report), name="ann/small")
    found = metadata(card)
    assert {name: found[name] for name in ("language", "license", "license_name", "license_link", "datasets")} == {
        "language": ["en"], "license": "other", "license_name": "research-only",
        "license_link": "https://aclanthology.org/P17-2067", "datasets": ["ucsbnlp/liar"],
    }  # fmt: skip
    assert found["base_model"] == ["distilbert/distilbert-base-uncased", "google-bert/bert-base-uncased"]
    assert found["model-index"][0]["name"] == "small"
    assert found["model-index"][0]["results"][0]["dataset"] == {
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
def test_of_a_path_only_the_last_part_is_told(report, path):
    card = model_card(of_liar(report, source=path), name="ann/small")
    assert "ann/x" not in card
    assert "ann\\" not in card
    assert "secret" not in card
    assert "datasets" not in metadata(card)
    assert metadata(card)["model-index"][0]["results"][0]["dataset"]["name"] == "x.tsv"


def test_of_other_data_nothing_is_said_that_is_not_known(report):
    card = model_card(report)
    assert not {"license", "language", "datasets", "base_model"} & set(metadata(card))
    assert "facts" not in card
    assert 'pipeline("text-classification", "student")' in card
    assert "every choice is in `recipe.yaml`" in card


def test_the_recipe_of_a_published_card_makes_the_same_choices(report):
    card = model_card(of_liar(report), name="ann/small")
    told = yaml.safe_load(card.rsplit("```yaml\n", 1)[1].split("```", 1)[0])
    assert told["distillation"] == report["recipe"]["distillation"]
    assert told["data"]["source"] == "ucsbnlp/liar"


def test_a_card_of_one_seed_says_what_it_cannot_tell(report):
    one, several = deepcopy(report), deepcopy(report)
    one["verdict"]["counts"], several["verdict"]["counts"] = "rows only", "rows and seeds"
    assert ", over rows only; another seed may say otherwise).\n" in model_card(one, name="ann/small")
    assert ", over rows and seeds).\n" in model_card(several, name="ann/small")
