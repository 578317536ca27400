"""The model card, made from the report alone, with the metadata that the Hub reads."""

import re
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from jinja2 import Environment, PackageLoader, StrictUndefined, Template

from alambique.data.liar import GROUPS
from alambique.hub import PACKAGE, is_id
from alambique.report.headline import student_sentence
from alambique.report.names import model_title
from alambique.report.numbers import grouped, number, percent
from alambique.report.schema import Report
from alambique.report.training_words import epochs_sentence
from alambique.report.verdict_words import CHOSEN, verdict_words

LOCAL = "student"  # the student's folder, beside the card


def model_card(report: Report, *, name: str = LOCAL, files: Mapping[str, str] | None = None) -> str:
    """Render Markdown with the Hub's metadata block.

    Args:
        report: of the run.
        name: what the student is loaded by: its folder, or its id on the Hub. A card for the Hub holds no path of this
            machine.
        files: from the name of an exported file to its name on the Hub, where they differ.
    """
    return _template().render(
        report=report, words=verdict_words(report), chosen=CHOSEN, student=student_sentence(report),
        epochs=epochs_sentence(report),
        source=source_name(report), name=name, files=files or {}, local=name == LOCAL, liar=_is_liar(report),
        recipe=_recipe(report), metadata=_yaml(_metadata(report, name)),
    )  # fmt: skip


@cache
def _template() -> Template:
    pages = Environment(  # noqa: S701 - Markdown, not HTML
        loader=PackageLoader("alambique", "report"), undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    pages.filters |= {
        "grouped": grouped,
        "model_title": model_title,
        "number": number,
        "percent": percent,
        "plain": _plain,
    }
    return pages.get_template("card.md.jinja")


def _plain(text: object) -> str:
    """Text that Markdown shows as it is, on one line."""
    line = " ".join(str(text).split())
    for mark in "\\`*_[]<>|#":
        line = line.replace(mark, f"\\{mark}")
    return line


def source_name(report: Report) -> str:
    """Return the data's name, without the folders of this machine."""
    return _without_folders(report.choices.data.first_source)


def _without_folders(name: str) -> str:
    """A Hub id or a package's folder as it is; of a path the last part alone."""
    if name.startswith(PACKAGE) or _published(name):
        return name
    return re.split(r"[/\\]", name.rstrip("/\\"))[-1]


def _published(name: str) -> bool:
    """Whether a name is a Hub id; a folder that stands here wins over an id, as in loading."""
    return is_id(name) and not Path(name).exists()


def _is_liar(report: Report) -> bool:
    """Whether the data are LIAR's: its groups can be named for nothing else, and nobody else has its labels."""
    data = report.choices.data
    if data.source == "quickstart":  # the embedded claims have the same labels
        return False
    six = set(GROUPS["six"].values())
    grouped_by_user = isinstance(data.label_groups, Mapping) and set(data.label_groups) == six
    return isinstance(data.label_groups, str) or grouped_by_user or set(report.data.label_names) == six


def _recipe(report: Report) -> str:
    """The recipe for others, without a path of this machine."""
    recipe, given = report.recipe, report.recipe["teacher"]
    models = {
        "teacher": [*map(_published_model, given)] if isinstance(given, Sequence) else _published_model(given),
        "student": _published_model(recipe["student"]),
    }
    if report.choices.soft_labels.words_replaced:
        labelling = recipe["soft_labels"]
        views = {**labelling["views"], "model": _without_folders(labelling["views"]["model"])}
        models["soft_labels"] = {**labelling, "views": views}
    return _yaml({**recipe, **models, "data": {**recipe["data"], "source": source_name(report)}})


def _published_model(section: Mapping[str, Any]) -> dict[str, Any]:
    """A section of teacher or student, without the folders of this machine."""
    file, zero_shot = section.get("probabilities"), section.get("zero_shot")
    names = {"model": section["model"] and _without_folders(section["model"])}
    if file is not None:
        names["probabilities"] = _without_folders(file)
    if zero_shot is not None:
        names["zero_shot"] = {**zero_shot, "model": _without_folders(zero_shot["model"])}
    if section.get("endpoint") is not None:  # perhaps of a private machine
        names["endpoint"] = {**section["endpoint"], "url": "https://HOST/v1"}
    return {**section, **names}


def _yaml(values: dict[str, Any]) -> str:
    return yaml.safe_dump(values, sort_keys=False, allow_unicode=True)


def _metadata(report: Report, name: str) -> dict[str, Any]:
    """What the Hub reads of a card: https://huggingface.co/docs/hub/model-cards#model-card-metadata."""
    metadata: dict[str, Any] = {}
    if _is_liar(report):
        metadata |= {
            "language": ["en"], "license": "other", "license_name": "research-only",
            "license_link": "https://aclanthology.org/P17-2067",
        }  # fmt: skip
    exported = report.export is not None and any(model.file for model in report.export.models.values())
    metadata |= {
        "library_name": "transformers",
        "pipeline_tag": "text-classification",
        "tags": ["alambique", "knowledge-distillation", *(["onnx"] if exported else [])],
        "metrics": ["accuracy", "f1"],
    }
    bases = [report.choices.student.model, *(teacher.model for teacher in report.choices.teachers)]
    published = list(dict.fromkeys(base for base in bases if base and is_id(base)))
    if published:
        metadata["base_model"] = published
    source = report.choices.data.source
    if isinstance(source, str) and "/" in source and _published(source):
        metadata["datasets"] = [source]
    metadata["model-index"] = [{"name": name.rsplit("/", maxsplit=1)[-1], "results": [_result(report)]}]
    return metadata


def _result(report: Report) -> dict[str, Any]:
    """The figures of the model that lies beside the card, where the table has the means over seeds."""
    seed, test = report.kept_training, report.student.test
    metrics = [("accuracy", "Accuracy", test.accuracy), ("f1", "Macro F1", test.macro_f1)]
    name, micro = "Text classification", test.figure("micro_f1")
    if report.data.several:
        metrics[0], name = ("accuracy", "Subset accuracy", test.accuracy), "Multi-label text classification"
    if micro is not None:
        metrics.append(("f1", "Micro F1", micro))
    return {
        "task": {"type": "text-classification", "name": name},
        "dataset": {"name": source_name(report), "type": source_name(report), "split": "test"},
        "metrics": [
            {"type": kind, "name": title, "value": round(figure.per_seed[seed], 4)} for kind, title, figure in metrics
        ],
    }
