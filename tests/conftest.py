"""Tiny models, tokenizers and data, made here: no network, no weights from elsewhere."""

import gc
import importlib
import json
import random
import shutil
import signal
import sys
from pathlib import Path
from unittest import mock

import pytest
import torch
import yaml
from transformers import (
    BertConfig,
    BertForMaskedLM,
    BertForSequenceClassification,
    DistilBertConfig,
    DistilBertForSequenceClassification,
)

from alambique import Recipe, cli, distill
from alambique.models.labels import label_config
from alambique.models.tokenizer import train_wordpiece
from alambique.progress import Reporter
from alambique.report import plots
from alambique.stages import benchmark
from browser import CHROMIUM, Browser

torch.set_num_threads(1)  # tiny models gain nothing from more, and lose much where the machine is busy
LABELS = ("bad", "fair", "good")
WORDS = {
    "bad": ("awful", "poor", "broken"),
    "fair": ("plain", "usual", "middling"),
    "good": ("lovely", "superb", "bright"),
}
NOUNS = ("lamp", "table", "door", "garden", "kettle", "window")


def pytest_addoption(parser):
    parser.addoption("--write-messages", action="store_true", help="write tests/corpus/messages.yaml anew")
    parser.addoption("--faults-seconds", type=float, help="about how long tests/faults may take; by default, all of it")
    parser.addoption("--faults-seed", type=int, default=0, help="of the choices in tests/faults")


def pytest_collection_finish():
    """Load what nearly all tests load, and keep the collector off it: each training collects, which took half its time."""
    for name in ("alambique.pipeline", "transformers.models.bert.modeling_bert", "transformers.trainer"):
        importlib.import_module(name)
    gc.collect()
    gc.freeze()


def rows(count, seed):
    """Texts whose adjective decides the label, with every tenth label wrong."""
    maker = random.Random(seed)
    made = []
    for _ in range(count):
        label = maker.choice(LABELS)
        noun, other = maker.sample(NOUNS, 2)
        word = maker.choice(WORDS[label])
        text = f"{word} {noun} {other} {word} {maker.choice(NOUNS)} {word} {maker.randint(0, 99)}"
        made.append({"text": text, "label": maker.choice(LABELS) if maker.random() < 0.1 else label})
    return made


class Stages(Reporter):
    """Remembers which stages did work."""

    def __init__(self):
        self.begun = []

    def stage(self, name):
        self.begun.append(name)
        return super().stage(name)


class Stopping(Stages):
    """Interrupts where a stage begins for the n-th time."""

    def __init__(self, name, times):
        super().__init__()
        self.name, self.times = name, times

    def stage(self, name):
        self.times -= name == self.name
        if not self.times:
            raise KeyboardInterrupt
        return super().stage(name)


def write_jsonl(path, records):
    path.write_text("".join(json.dumps(record) + "\n" for record in records), "utf-8")


@pytest.fixture(autouse=True)
def _no_hub(monkeypatch, tmp_path):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    torch.manual_seed(0)


@pytest.fixture
def bench(monkeypatch):
    """Import scripts of benchmarks/ by name; they are forgotten afterwards, since one is called as a package is."""
    folder = Path(__file__).resolve().parents[1] / "benchmarks"
    monkeypatch.syspath_prepend(folder)
    before = set(sys.modules)
    yield importlib.import_module
    for name in set(sys.modules) - before:
        if Path(getattr(sys.modules[name], "__file__", None) or "/").parent == folder:
            del sys.modules[name]


@pytest.fixture
def ctrl_c():
    """SIGINT as in a terminal, here and in processes begun here: tests run in the background by a script have it ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture(scope="session")
def tokenizer():
    return train_wordpiece([row["text"] for row in rows(300, 5)], vocabulary=300)


@pytest.fixture
def tiny_bert(tokenizer):
    """Build a BERT classifier of a given depth, without dropout unless asked for."""

    def build(layers=2, labels=LABELS, dropout=0.0):
        torch.manual_seed(layers)
        config = BertConfig(
            vocab_size=len(tokenizer), hidden_size=16, num_hidden_layers=layers, num_attention_heads=2,
            intermediate_size=32, max_position_embeddings=64, hidden_dropout_prob=dropout,
            attention_probs_dropout_prob=dropout, **label_config(labels),
        )  # fmt: skip
        return BertForSequenceClassification(config).eval()

    return build


@pytest.fixture
def mlm_folder(tokenizer, tmp_path):
    """A folder with a tiny BERT that has a head of masked language modelling, sharp enough to prefer some words."""
    torch.manual_seed(3)
    config = BertConfig(
        vocab_size=len(tokenizer), hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32,
        max_position_embeddings=32, initializer_range=0.5,
    )  # fmt: skip
    folder = tmp_path / "mlm"
    BertForMaskedLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture
def tiny_distilbert(tokenizer):
    """Build a DistilBERT classifier, without dropout unless asked for."""

    def build(layers=1, labels=LABELS, dropout=0.0):
        torch.manual_seed(10 + layers)
        config = DistilBertConfig(
            vocab_size=len(tokenizer), dim=16, n_layers=layers, n_heads=2, hidden_dim=32, max_position_embeddings=64,
            dropout=dropout, attention_dropout=dropout, seq_classif_dropout=dropout, **label_config(labels),
        )  # fmt: skip
        return DistilBertForSequenceClassification(config).eval()

    return build


@pytest.fixture
def data_folder(tmp_path):
    """A folder of JSON Lines with train, valid and test."""
    folder = tmp_path / "data"
    folder.mkdir()
    for name, count, seed in (("train", 160, 1), ("valid", 48, 2), ("test", 48, 3)):
        write_jsonl(folder / f"{name}.jsonl", rows(count, seed))
    return folder


@pytest.fixture(scope="session", autouse=True)
def short_benchmark():
    """How fast tiny models are matters to no test, and its timing was a third of a run's time."""
    short = {"SINGLES": 2, "BATCHES": 1, "ROUNDS": 1, "_SIDE": 64}
    with mock.patch.multiple(benchmark, **short):
        yield


@pytest.fixture
def drawn_figures():
    """For tests that look at the figures of a page."""


@pytest.fixture(autouse=True)
def undrawn_figures(request):
    """Other tests do not draw the figures of a page: that was a third of a tiny run's time."""
    if "drawn_figures" in request.fixturenames:
        yield
    else:
        with mock.patch.object(
            plots, "svg_element", lambda _, name, title: f'<svg id="{name}"><title>{title}</title></svg>'
        ):
            yield


@pytest.fixture
def tiny_recipe(data_folder):
    """A recipe that trains in a second or two; keyword arguments replace whole sections' keys."""

    def build(**sections):
        raw = {
            "data": {"source": str(data_folder), "text": "text", "label": "label", "max_length": 24},
            "teacher": {
                "from_scratch": {"layers": 1, "width": 32, "heads": 2, "vocabulary": 300},
                "epochs": 3, "batch_size": 12, "learning_rate": 1e-2,
            },
            "student": {
                "from_scratch": {"layers": 1, "width": 16, "heads": 2},
                "epochs": 1, "batch_size": 16, "learning_rate": 5e-3,
            },
            "export": {"formats": []},  # takes seconds, and is tested where it is meant
        }  # fmt: skip
        for section, keys in sections.items():
            raw[section] = {**raw.get(section, {}), **keys} if isinstance(keys, dict) else keys
        return raw

    return build


@pytest.fixture
def recipe_file(tiny_recipe, tmp_path):
    """The tiny recipe as a file."""
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump(tiny_recipe()))
    return path


@pytest.fixture(scope="session")
def exported(tmp_path_factory):
    """A finished run with its exports, the recipe and the report; what changes it asks for ``run_folder``."""
    folder = tmp_path_factory.mktemp("exported")
    (folder / "data").mkdir()
    for name, count, seed in (("train", 160, 1), ("valid", 48, 2), ("test", 48, 3)):
        write_jsonl(folder / "data" / f"{name}.jsonl", rows(count, seed))
    training = {"epochs": 4, "batch_size": 8, "learning_rate": 5e-3}
    size = {"layers": 2, "width": 32, "heads": 2}
    recipe = Recipe.from_dict(
        {
            "data": {"source": str(folder / "data"), "text": "text", "label": "label", "max_length": 24},
            "teacher": {"from_scratch": {**size, "vocabulary": 300}, **training},
            "student": {"from_scratch": size, **training},
        }
    )
    return folder / "run", recipe, distill(recipe, folder / "run")


@pytest.fixture(scope="session")
def campaign(request, tmp_path_factory):
    """What the tests of tests/faults share."""
    from campaign import Campaign

    option = request.config.getoption
    return Campaign(option("--faults-seed"), option("--faults-seconds"), tmp_path_factory.mktemp("faults"))


@pytest.fixture
def run_folder(exported, tmp_path):
    """A copy of the exported run."""
    shutil.copytree(exported[0], tmp_path / "run")
    return tmp_path / "run"


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    """One tab of a headless Chromium."""
    if CHROMIUM is None:
        pytest.skip("no chromium")
    opened = Browser(tmp_path_factory.mktemp("chromium"))
    yield opened
    opened.close()


@pytest.fixture
def run(monkeypatch, capsys, tmp_path):
    """Call the command in this process: (status, stdout, stderr)."""
    monkeypatch.chdir(tmp_path)

    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["alambique", *map(str, arguments)])
        with pytest.raises(SystemExit) as stopped:
            cli.main()
            raise SystemExit(0)
        out, err = capsys.readouterr()
        return stopped.value.code or 0, out, err

    return call
