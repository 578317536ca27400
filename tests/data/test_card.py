"""The configs of a data card."""

import pytest

from alambique.data.card import read_configs

FILES = [
    "README.md",
    "data/en/test.csv",
    "data/en/train-0.csv",
    "data/en/train-1.csv",
    "data/fr/train-0.csv",
    "extra.csv",
]


def configs(folder, text):
    (folder / "README.md").write_text(text, "utf-8")
    return read_configs(folder, FILES)


@pytest.mark.parametrize(
    ("data_files", "splits"),
    [
        ("extra.csv", {"train": ["extra.csv"]}),
        ("[extra.csv, data/en/test.csv]", {"train": ["data/en/test.csv", "extra.csv"]}),
        ("{train: data/en/train-*.csv, test: [data/en/test.csv]}",
         {"train": ["data/en/train-0.csv", "data/en/train-1.csv"], "test": ["data/en/test.csv"]}),
        ("[{split: train, path: 'data/**/train-0.csv'}]", {"train": ["data/en/train-0.csv", "data/fr/train-0.csv"]}),
        ("[{split: train, path: ['./extra.csv']}, {split: test, path: '**/test.*'}]",
         {"train": ["extra.csv"], "test": ["data/en/test.csv"]}),
        ("{train: 'data/en/train-[1-9].csv'}", {"train": ["data/en/train-1.csv"]}),
        ("{train: 'data/en/train-?.csv', test: 'gone-*.csv'}",
         {"train": ["data/en/train-0.csv", "data/en/train-1.csv"]}),
    ],
)  # fmt: skip
def test_forms_of_data_files(tmp_path, data_files, splits):
    text = f"---\nlicense: mit\nconfigs:\n- config_name: en\n  data_files: {data_files}\n---\n# A card\n"
    assert configs(tmp_path, text) == {"en": splits}


def test_subsets_a_folder_for_each_and_the_default(tmp_path):
    text = """---
configs:
- config_name: en
  data_dir: data/en
  data_files: {train: train-*.csv}
- config_name: fr
  default: true
  data_files: {train: data/fr/*.csv}
---
"""
    french = {"train": ["data/fr/train-0.csv"]}
    assert configs(tmp_path, text) == {
        "en": {"train": ["data/en/train-0.csv", "data/en/train-1.csv"]}, "fr": french, "default": french,
    }  # fmt: skip


@pytest.mark.parametrize(
    "text",
    [
        "# No front matter\n",
        "---\nlicense: mit\n---\n",
        "---\nconfigs: all\n---\n",
        "---\nconfigs:\n- config_name: en\n---\n",
        "---\nconfigs:\n- data_files: gone.csv\n---\n",  # none of its files is there
        "---\nconfigs: [\n---\n",
        "---\n- a list\n---\n",
        "---\nconfigs:\n- data_files: {train: 3}\n---\n",
    ],
)
def test_a_card_that_says_nothing_about_files(tmp_path, text):
    assert configs(tmp_path, text) == {}


def test_no_card(tmp_path):
    assert read_configs(tmp_path, FILES) == {}


def test_a_card_that_is_not_utf_8(tmp_path):
    (tmp_path / "README.md").write_bytes(b"---\nname: caf\xe9\nconfigs:\n- data_files: extra.csv\n---\n")
    assert read_configs(tmp_path, FILES) == {"default": {"train": ["extra.csv"]}}
