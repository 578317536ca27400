"""The answers of a teacher that gives no weights: logits of every row of train, valid and test, in ``teacher/``."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from alambique.artefacts.predictions import read_predictions, write_predictions
from alambique.artefacts.splits import Split, Splits
from alambique.errors import CorruptArtefactError
from alambique.run.integrity import read_json, write_text

FACTS = "answers.json"


def write_answers(folder: Path, splits: Splits, logits: Mapping[str, np.ndarray], facts: Mapping[str, Any]) -> None:
    """Write ``train|valid|test.parquet`` and ``answers.json``.

    Args:
        folder: an existing folder.
        splits: the rows.
        logits: by split, (rows, C) in the order of rows and labels.
        facts: how the answers were got, as JSON values.
    """
    for split in splits:
        write_predictions(folder / f"{split.name}.parquet", split.ids, split.labels, logits[split.name])
    write_text(folder / FACTS, json.dumps(facts, indent=1))


def read_answers(folder: Path, split: Split) -> np.ndarray:
    """The logits of the rows of a split, (rows, C) float32.

    Raises:
        CorruptArtefactError: the folder holds those of other rows.
    """
    return read_predictions(folder / f"{split.name}.parquet", split.ids)


def answer_facts(folder: Path) -> dict[str, Any]:
    """How the answers were got.

    Raises:
        CorruptArtefactError: the folder does not say.
    """
    facts = read_json(folder / FACTS)
    if not isinstance(facts, dict):
        raise CorruptArtefactError(f"{folder} does not hold the answers of a teacher.")
    return facts
