"""The model card, from report.json alone, with the metadata that the Hub reads."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from jinja2 import Environment, PackageLoader, StrictUndefined

from alambique.data.liar import GROUPS
from alambique.hub import is_id
from alambique.models.pretrained import PACKAGE

NAMES = {
    "teacher": "Teacher",
    "student": "Student (distilled)",
    "undistilled": "Student without distillation",
    "tfidf": "TF-IDF + logistic regression",
    "majority": "Majority class",
}
LOCAL = "student"  # the folder of it, below the card


def model_card(report: dict[str, Any], *, name: str = LOCAL, files: Mapping[str, str] | None = None) -> str:
    """Markdown with the Hub's metadata block.

    Args:
        report: the content of report.json.
        name: by which the student is loaded: its folder, or its id on the Hub; there no path of this machine is told.
        files: names of exported files that differ from those of the run.
    """
    pages = Environment(  # noqa: S701 - Markdown, not HTML
        loader=PackageLoader("alambique", "report"), undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    pages.filters |= {"percent": _percent, "plain": _plain}
    return pages.get_template("card.md.jinja").render(
        report=report, names=NAMES, source=source_name(report), name=name, files=files or {}, local=name == LOCAL,
        liar=_is_liar(report), recipe=_recipe(report), metadata=_yaml(_metadata(report, name)),
    )  # fmt: skip


def _percent(value: float | None) -> str:
    return "–" if value is None else f"{100 * value:.1f}"


def _plain(text: object) -> str:
    """Text that Markdown shows as it is, on one line."""
    kept = " ".join(str(text).split())
    for mark in "\\`*_[]<>|#":
        kept = kept.replace(mark, f"\\{mark}")
    return kept


def source_name(report: dict[str, Any]) -> str:
    """The data's name, without the folders of this machine."""
    source = report["recipe"]["data"]["source"]
    return _without_folders(source["train"] if isinstance(source, dict) else source)


def _without_folders(name: str) -> str:
    """A Hub id or a package's folder as it is; of a path the last part alone."""
    if name.startswith(PACKAGE) or _published(name):
        return name
    return re.split(r"[/\\]", name.rstrip("/\\"))[-1]


def _published(name: str) -> bool:
    """Whether a name is a Hub id; a folder that stands here wins over an id, as in loading."""
    return is_id(name) and not Path(name).exists()


def _is_liar(report: dict[str, Any]) -> bool:
    """Whether the data are LIAR's: its groups can be named for nothing else, and nobody else has its labels."""
    data = report["recipe"]["data"]
    if data["source"] == "quickstart":  # the embedded claims have the same labels
        return False
    groups, six = data["label_groups"], set(GROUPS["six"].values())
    grouped = isinstance(groups, dict) and set(groups) == six
    return isinstance(groups, str) or grouped or set(report["data"]["label_names"]) == six


def _recipe(report: dict[str, Any]) -> str:
    """The recipe for others: no path of this machine."""
    recipe = report["recipe"]
    models = {
        role: {**recipe[role], "model": recipe[role]["model"] and _without_folders(recipe[role]["model"])}
        for role in ("teacher", "student")
    }
    return _yaml({**recipe, **models, "data": {**recipe["data"], "source": source_name(report)}})


def _yaml(values: dict[str, Any]) -> str:
    return yaml.safe_dump(values, sort_keys=False, allow_unicode=True)


def _metadata(report: dict[str, Any], name: str) -> dict[str, Any]:
    """What the Hub reads of a card: https://huggingface.co/docs/hub/model-cards#model-card-metadata."""
    recipe, liar = report["recipe"], _is_liar(report)
    exported = any(model["file"] for model in (report.get("export") or {}).get("models", {}).values())
    found: dict[str, Any] = {}
    if liar:
        found |= {
            "language": ["en"], "license": "other", "license_name": "research-only",
            "license_link": "https://aclanthology.org/P17-2067",
        }  # fmt: skip
    found |= {
        "library_name": "transformers",
        "pipeline_tag": "text-classification",
        "tags": ["alambique", "knowledge-distillation", *(["onnx"] if exported else [])],
        "metrics": ["accuracy", "f1"],
    }
    bases = [recipe[role]["model"] for role in ("student", "teacher")]
    published = list(dict.fromkeys(base for base in bases if base and is_id(base)))
    if published:
        found["base_model"] = published
    source = recipe["data"]["source"]
    if isinstance(source, str) and "/" in source and _published(source):
        found["datasets"] = [source]
    kept = report["seeds"]["all"].index(report["seeds"]["kept"])
    reached = {
        metric: report["models"]["student"]["test"][metric]["per_seed"][kept] for metric in ("accuracy", "macro_f1")
    }  # of the model that lies here, where the table has the means over seeds
    found["model-index"] = [
        {
            "name": name.rsplit("/", maxsplit=1)[-1],
            "results": [
                {
                    "task": {"type": "text-classification", "name": "Text classification"},
                    "dataset": {"name": source_name(report), "type": source_name(report), "split": "test"},
                    "metrics": [
                        {"type": "accuracy", "name": "Accuracy", "value": round(reached["accuracy"], 4)},
                        {"type": "f1", "name": "Macro F1", "value": round(reached["macro_f1"], 4)},
                    ],
                }
            ],
        }
    ]
    return found
