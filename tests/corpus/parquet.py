"""Parquet files that are damaged, or hold what is neither text nor a label."""

import datetime as dt
from functools import partial

import pyarrow as pa
import pyarrow.parquet as pq
from case import data, rows, tsv
from datasets import ClassLabel, Dataset, Features, Value

GOOD = rows(60)
TEXTS = [row["text"] for row in GOOD]
LABELS = [row["label"] for row in GOOD]


def write(columns, path):
    pq.write_table(pa.table(columns), path)


def cut(path, keep=0.5):
    write({"text": TEXTS, "label": LABELS}, path)
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * keep)])


def flipped(path):
    write({"text": TEXTS, "label": LABELS}, path)
    content = bytearray(path.read_bytes())
    content[20:60] = bytes(40)
    path.write_bytes(content)


def odd_class(path):
    features = Features({"text": Value("string"), "label": ClassLabel(names=["bad", "fair", "good"])})
    Dataset.from_dict({"text": TEXTS, "label": [i % 3 for i in range(60)]}, features=features).to_parquet(path)
    table = pq.read_table(path)
    numbers = pa.array([7, *(i % 3 for i in range(59))], pa.int64())
    pq.write_table(table.set_column(1, "label", numbers).replace_schema_metadata(table.schema.metadata), path)


def parquet(columns, *sets):
    maker = partial(write, columns) if isinstance(columns, dict) else columns
    return data({"data/train.tsv": ..., "data/train.parquet": maker}, *sets)


CASES = {
    "cut": parquet(cut),
    "cut-short": parquet(partial(cut, keep=0.01)),
    "empty": parquet(lambda path: path.write_bytes(b"")),
    "flipped": parquet(flipped),
    "tsv-as-parquet": parquet(lambda path: path.write_text(tsv(GOOD))),
    "text-as-parquet": parquet(lambda path: path.write_bytes(b"PAR1 hello PAR1")),
    "no-rows": parquet({"text": pa.array([], pa.string()), "label": pa.array([], pa.string())}),
    "no-columns": parquet({}),
    "nested-text": parquet({"text": [{"en": text} for text in TEXTS], "label": LABELS}),
    "list-text": parquet({"text": [[text] for text in TEXTS], "label": LABELS}),
    "binary-text": parquet({"text": [b"\xff" + text.encode() for text in TEXTS], "label": LABELS}),
    "null-texts": parquet({"text": pa.nulls(60, pa.string()), "label": LABELS}),
    "null-column": parquet({"text": TEXTS, "label": pa.nulls(60)}),
    "null-label-once": parquet({"text": TEXTS, "label": [*LABELS[:-1], None]}),
    "list-label": parquet({"text": TEXTS, "label": [[label] for label in LABELS]}, "data.task=single_label"),
    "struct-label": parquet({"text": TEXTS, "label": [{"name": label} for label in LABELS]}),
    "float-labels": parquet({"text": TEXTS, "label": [i / 7 for i in range(60)]}),
    "nan-label": parquet({"text": TEXTS, "label": [float("nan"), *(float(i % 3) for i in range(59))]}),
    "dates-as-text": parquet({"text": [dt.date(2020, 1, 1)] * 60, "label": LABELS}),
    "date-far-away": parquet({"text": pa.array([10**12] * 60, pa.timestamp("s")), "label": LABELS}),
    "numbers-as-text": parquet({"text": list(range(60)), "label": LABELS}),
    "bools-as-text": parquet({"text": [True, False] * 30, "label": LABELS}),
    "class-number-out-of-range": parquet(odd_class),
    "columns-twice": parquet(lambda path: pq.write_table(
        pa.Table.from_arrays([pa.array(TEXTS), pa.array(LABELS), pa.array(LABELS)], ["text", "label", "label"]), path)),
    "label-column-missing": parquet({"text": TEXTS}),
    "other-labels-than-valid": parquet({"text": TEXTS, "label": [i % 3 for i in range(60)]}),
}  # fmt: skip
