"""Train the encoder that the teacher of the quickstart recipe starts from.

    python docs/make_quickstart_encoder.py [FOLDER]

A real teacher has read far more than the rows of a task. This one has read 24,000 claims with labels, made by
``alambique.data.quickstart`` as the rows of the recipe are. None of them stands in valid or test; some stand in train and
among the unlabelled claims. FOLDER is by default the one in the package. It takes about two minutes. Another machine rounds
otherwise, so the bytes differ.
"""

import sys
import tempfile
from importlib import resources
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from transformers import BertForSequenceClassification

from alambique import Recipe
from alambique.data import quickstart
from alambique.models.tokenizer import load_tokenizer, save_tokenizer
from alambique.pipeline import label
from alambique.progress import make_reporter

ROWS = 24_000
FOLDER = "recipes/quickstart_encoder"


def main() -> None:
    """Write the rows, train a teacher from scratch, and keep its encoder in half precision."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(str(resources.files("alambique"))) / FOLDER
    with tempfile.TemporaryDirectory() as temporary:
        data, run = Path(temporary) / "data", Path(temporary) / "run"
        data.mkdir()
        for split, table in (quickstart.tables() | {"train": quickstart.pretraining_table(ROWS)}).items():
            pq.write_table(pa.table(table.columns), data / f"{split}.parquet")
        recipe = Recipe.from_dict({
            "data": {"source": str(data), "text": "claim", "label": "label", "max_length": 32},
            "teacher": {
                "from_scratch": {"architecture": "bert", "layers": 2, "width": 128, "heads": 4, "vocabulary": 400},
                "epochs": 5, "batch_size": 64, "learning_rate": 1e-3,
            },
            "student": {"from_scratch": {"layers": 1, "width": 16, "heads": 1}},
        })  # fmt: skip
        (worth,) = label(recipe, run, reporter=make_reporter(quiet=False))
        model = BertForSequenceClassification.from_pretrained(run / "teacher")
        model.bert.half().save_pretrained(folder)
        save_tokenizer(load_tokenizer(run / "teacher", key="teacher"), folder)
    print(f"{folder}: macro-F1 on valid {100 * worth.valid['macro_f1']:.1f}")


if __name__ == "__main__":
    main()
