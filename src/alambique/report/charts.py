"""Which charts the page has, each with a heading and a sentence on how to read it."""

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from alambique.report import label_plots, plots
from alambique.report.details import Details
from alambique.report.names import model_title
from alambique.report.numbers import grouped, number
from alambique.report.schema import Report

RELIABILITY = (
    "On the dotted line a model that is 70 % confident is right 70 times out of 100. Below the line it is over-confident. "
    "The larger the mark, the more rows."
)


OF_LABELS = (
    "On the dotted line a label of a probability of 70 % is there 70 times out of 100; all labels together. The larger the "
    "mark, the more decisions."
)


@dataclass(frozen=True)
class Chart:
    """A drawing with a heading and a sentence on how to read it."""

    title: str
    svg: Markup
    caption: str


def charts(report: Report, details: Details) -> list[Chart]:
    """Draw all charts but the confusion matrices; those without data are left out."""
    drawn = []
    if any(model.median_latency_ms for model in report.models.values()):
        caption = "Higher and further left is better. The time axis is logarithmic."
        drawn.append(chart("Quality against latency", plots.quality_against_latency(report.models), caption))
    quality, losses = ({n: c for n, c in curves.items() if c} for curves in (details.quality, details.losses))
    if quality:
        svg = plots.learning_curves(quality, "macro_f1", details.quality_title, details.quality_scale)
        drawn.append(chart("Quality during training", svg, "After each epoch; the best epoch is the one used."))
    if losses:
        svg = plots.learning_curves(losses, "loss", "loss")
        caption = "The student's loss mixes soft and hard labels: compare shapes, not heights."
        if report.undistilled is None:
            caption = "The student's loss on the teacher's soft labels, times their weight."
        drawn.append(chart("Loss during training", svg, caption))
    bins = {name: bins for name, bins in details.reliability.items() if any(bin_.rows for bin_ in bins)}
    if bins:
        drawn.append(chart("Reliability", plots.reliability(bins), OF_LABELS if report.data.several else RELIABILITY))
    if details.token_lengths:
        drawn.append(_lengths(details.token_lengths, report.choices.data.max_length))
    return drawn


def confusion_matrices(report: Report, details: Details) -> list[Chart]:
    """Draw the confusion matrix of each model on test."""
    drawn = []
    for name, matrix in details.confusion.items():
        right, total = sum(row[i] for i, row in enumerate(matrix)), sum(map(sum, matrix))
        caption = f"Right on {grouped(right)} of {grouped(total)} rows of test."
        drawn.append(chart(model_title(name), plots.confusion(name, matrix, report.data.label_names), caption))
    return drawn


def label_charts(details: Details) -> list[Chart]:
    """Draw how labels stand together, and precision by recall, where a row has any number of labels."""
    labels = details.labels
    if labels is None:
        return []
    caption = (
        f"Of the rows of train with a label, the share that also has another. A row has "
        f"{number(labels.labels_per_row['train'], 1, 2)} labels in the mean; {number(labels.rows_without['train'], 100)} % "
        "of the rows have none."
    )
    drawn = [chart("Labels together", label_plots.co_occurrence(labels.names, labels.together), caption)]
    if labels.curves:
        caption = "The student on test, for the labels with most rows. The mark is where the threshold lies."
        drawn.append(chart("Precision and recall", label_plots.precision_and_recall(labels.curves), caption))
    return drawn


def gain_chart(report: Report) -> Markup | None:
    """Draw the verdict's gain, None if there is none."""
    gain = report.verdict.gain if report.verdict else None
    return Markup(plots.gain(gain)) if gain else None  # noqa: S704 - escaped by its maker


def _lengths(lengths: Sequence[int], cut_off: int) -> Chart:
    cut = sum(length > cut_off for length in lengths)
    caption = f"None of the {grouped(len(lengths))} training texts is longer than the cut-off."
    if cut:
        share = number(cut / len(lengths), 100)
        caption = f"{grouped(cut)} of {grouped(len(lengths))} training texts ({share} %) are cut and lose their end."
    return chart("Lengths of the texts", plots.token_lengths(lengths, cut_off), caption)


def chart(title: str, svg: str, caption: str) -> Chart:
    """A drawing of our own with a heading and a sentence on how to read it."""
    return Chart(title, Markup(svg), caption)  # noqa: S704 - escaped by its maker
