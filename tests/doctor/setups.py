"""Set-ups for the doctor to examine: rows, models and collators that a test then breaks."""

import random
from dataclasses import dataclass

import numpy as np
import torch

from alambique.artefacts.soft_labels import SoftLabels
from alambique.artefacts.splits import Split, Splits, row_ids
from alambique.doctor.batches import reader
from alambique.doctor.examine import examine
from alambique.doctor.setup import Setup
from conftest import LABELS, rows

OPPOSITE = {"bad": "good", "good": "bad", "fair": "fair"}


def split_of(name, texts, labels, pairs=None):
    segments = [(text,) for text in texts] if pairs is None else list(zip(texts, pairs, strict=True))
    return Split(name, row_ids(name, segments), tuple(texts), pairs and tuple(pairs), np.array(labels))


def make_splits(*, pairs=False):
    """Three splits that share no text; in pairs, the second text turns the first one's label round."""
    seen, made = set(), []
    for name, count, seed in (("train", 160, 1), ("valid", 80, 2), ("test", 40, 3)):
        chosen = [row for row in rows(count, seed) if not (row["text"] in seen or seen.add(row["text"]))]
        texts, labels = [row["text"] for row in chosen], [row["label"] for row in chosen]
        seconds = None
        if pairs:
            maker = random.Random(seed)
            seconds = [maker.choice(("lamp", "table")) for _ in chosen]
            labels = [OPPOSITE[x] if s == "table" else x for x, s in zip(labels, seconds, strict=True)]
        made.append(split_of(name, texts, [LABELS.index(label) for label in labels], seconds))
    return Splits(*made, LABELS)


def reverse_head(model):
    with torch.no_grad():
        model.classifier.weight.copy_(model.classifier.weight.flip(0))
        model.classifier.bias.copy_(model.classifier.bias.flip(0))


@dataclass
class Case:
    """What ``examine`` is given."""

    teacher: object
    student: object
    splits: Splits
    soft_labels: SoftLabels | None
    collator: object

    def findings(self, **options):
        return examine(self.teacher, self.student, self.splits, self.soft_labels, self.collator, **options)

    def codes(self, **options):
        return {finding.code for finding in self.findings(**options)}

    def finding(self, code, **options):
        """The only finding with this code."""
        (finding,) = [each for each in self.findings(**options) if each.code == code]
        return finding

    def setup(self, **options):
        """What a single check is given."""
        readers = [reader(self.collator, self.collator.tokenizer, [model]) for model in (self.teacher, self.student)]
        return Setup(self.teacher, self.student, self.splits, self.soft_labels, *readers, **options)


class Collator:
    """Collates as ``DataCollatorWithPadding`` does; a subclass then changes the batch."""

    def __init__(self, collator):
        self.tokenizer, self.collator = collator.tokenizer, collator

    def __call__(self, rows):
        return self.collator(rows)
