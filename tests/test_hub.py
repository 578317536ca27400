"""The real Hub code against a folder laid out as the Hub's cache, without a network."""

import pytest
from datasets import ClassLabel, Dataset
from transformers import BertConfig, BertForMaskedLM, DistilBertConfig, DistilBertForMaskedLM

from alambique import Recipe, distill
from alambique.artefacts.splits import read_splits
from alambique.data.load import load_splits, locate
from alambique.errors import DataError
from alambique.hub import NoNetworkError, is_id, snapshot
from alambique.recipe.sections import Data
from conftest import rows

COMMIT = "0123456789abcdef0123456789abcdef01234567"
# the order of the Hub's conversion, which is not ordinal
HUB_LABELS = ["false", "half-true", "mostly-true", "true", "barely-true", "pants-fire"]
COLOURS = {"false": "red", "half-true": "green", "mostly-true": "blue", "true": "white", "barely-true": "black",
           "pants-fire": "pink"}  # fmt: skip


def cached(hub, kind, name, revision="main"):
    """The folder of a repository's files in the cache."""
    base = hub / f"{kind}s--{name.replace('/', '--')}"
    reference = base / "refs" / revision
    reference.parent.mkdir(parents=True, exist_ok=True)
    reference.write_text(COMMIT)
    folder = base / "snapshots" / COMMIT
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def liar_rows(count, seed):
    return [
        {
            "id": f"{i}.json", "label": HUB_LABELS[i % 6], "statement": f"the {COLOURS[HUB_LABELS[i % 6]]} {row['text']}",
            "subject": "taxes", "speaker": "anna", "job_title": "mayor", "state_info": "Ohio", "party_affiliation": "none",
            "barely_true_counts": 1.0, "false_counts": 0.0, "half_true_counts": 2.0, "mostly_true_counts": 0.0,
            "pants_on_fire_counts": 9.0, "context": "a speech",
        }
        for i, row in enumerate(rows(count, seed))
    ]  # fmt: skip


@pytest.fixture
def hub(tmp_path, tokenizer):
    """LIAR's conversion, and tiny checkpoints of the classes that the Hub's BERT and DistilBERT are."""
    folder = tmp_path / "hub"
    data = cached(folder, "dataset", "ucsbnlp/liar", "refs/convert/parquet")
    for split, count, seed in (("train", 96, 1), ("validation", 36, 2), ("test", 36, 3)):
        path = data / "default" / split / "0000.parquet"
        path.parent.mkdir(parents=True)
        Dataset.from_list(liar_rows(count, seed)).cast_column("label", ClassLabel(names=HUB_LABELS)).to_parquet(path)
    size = {"vocab_size": len(tokenizer), "max_position_embeddings": 128}
    bert = BertConfig(hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64, **size)
    distilbert = DistilBertConfig(dim=32, n_layers=1, n_heads=2, hidden_dim=64, **size)
    for name, model in (
        ("google-bert/bert-base-uncased", BertForMaskedLM(bert)),
        ("distilbert/distilbert-base-uncased", DistilBertForMaskedLM(distilbert)),
    ):
        model.save_pretrained(cached(folder, "model", name))
        tokenizer.save_pretrained(cached(folder, "model", name))
    return folder


FAST = (
    "teacher.epochs=4",
    "teacher.batch_size=8",
    "teacher.learning_rate=5e-3",
    "student.epochs=1",
    "student.batch_size=8",
)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "labels"),
    [
        ("liar", ("pants-fire", "false", "barely-true", "half-true", "mostly-true", "true")),
        ("liar-three", ("false", "no-basis", "true")),
    ],
)
def test_the_shipped_recipes_run_from_the_hubs_ids(hub, tmp_path, name, labels):
    report = distill(Recipe.load(name, FAST), tmp_path / "run")
    assert report["data"]["rows"] == {"train": 96, "valid": 36, "test": 36}
    splits = read_splits(tmp_path / "run" / "data")
    assert splits.label_names == labels
    assert splits.ordinal
    for text, label in zip(splits.test.texts, splits.test.labels, strict=True):
        (original,) = [hub_label for hub_label, colour in COLOURS.items() if f"the {colour} " in text]
        three = {"pants-fire": 0, "false": 0, "barely-true": 1, "half-true": 1, "mostly-true": 2, "true": 2}
        assert label == (labels.index(original) if name == "liar" else three[original])


def test_liars_columns_have_one_name_wherever_they_come_from(hub):
    data = Data(source="ucsbnlp/liar", text="statement", label="label", metadata=["job", "state", "party"])
    assert load_splits(data, locate(data)).train.second_segments()[0] == "job: mayor; state: Ohio; party: none"
    by_hub_name = Data(source="ucsbnlp/liar", text="statement", label="label", metadata=["job_title"])
    splits = load_splits(by_hub_name, locate(by_hub_name))
    assert splits.train.second_segments()[0] == "job: mayor"
    assert splits.ordinal


def test_counts_are_never_read_unless_named(hub):
    everything = ["subject", "speaker", "job", "state", "party", "context"]
    data = Data(source="ucsbnlp/liar", text="statement", label="label", metadata=everything)
    splits = load_splits(data, locate(data))
    assert not any("count" in pair or "9" in pair for pair in splits.train.second_segments())


def test_a_set_with_subsets_asks_for_one(hub):
    folder = cached(hub, "dataset", "owner/many", "refs/convert/parquet")
    for subset in ("big", "small"):
        path = folder / subset / "train" / "0000.parquet"
        path.parent.mkdir(parents=True)
        Dataset.from_list(rows(60, 1)).to_parquet(path)
    with pytest.raises(DataError) as caught:
        locate(Data(source="owner/many", text="text", label="label"))
    assert str(caught.value) == "data.source: owner/many has the subsets big, small; choose one with data.subset."
    chosen = Data(source="owner/many", text="text", label="label", subset="small")
    assert len(load_splits(chosen, locate(chosen)).train) == 49  # 60, less 6 for test, less 5 of the rest for valid


def test_a_set_without_conversion_is_read_from_its_own_files(hub):
    folder = cached(hub, "dataset", "owner/plain")
    (folder / "data").mkdir()
    for shard in range(2):
        Dataset.from_list(rows(40, shard)).to_parquet(folder / "data" / f"train-0000{shard}-of-00002.parquet")
    Dataset.from_list(rows(20, 5)).to_parquet(folder / "data" / "test-00000-of-00001.parquet")
    data = Data(source="owner/plain", text="text", label="label")
    splits = load_splits(data, locate(data))
    assert (len(splits.train) + len(splits.valid), len(splits.test)) == (80, 20)


def test_no_network_says_what_to_do():
    with pytest.raises(NoNetworkError) as caught:
        locate(Data(source="owner/absent", text="text", label="label"))
    assert str(caught.value) == (
        "data.source: owner/absent is not in the local cache and the Hub cannot be reached. Connect once and run again; or "
        "run `hf download owner/absent --repo-type dataset` where there is a network and copy its cache folder here; or "
        "give a local folder, as in --set data.source=FOLDER."
    )


@pytest.mark.parametrize(
    ("name", "yes"),
    [("owner/name", True), ("gpt2", True), ("../data", False), ("./data", False), ("/data", False), ("a/b/c", False),
     ("owner/.hidden", False), ("data folder", False)],
)  # fmt: skip
def test_what_can_be_an_id(name, yes):
    assert is_id(name) is yes


def test_a_snapshot_names_its_commit(hub):
    found = snapshot("ucsbnlp/liar", "dataset", ["*.parquet"], key="k", revision="refs/convert/parquet")
    assert found.commit == COMMIT
    assert (found.folder / "default" / "train" / "0000.parquet").is_file()
