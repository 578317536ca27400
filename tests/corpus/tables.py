"""Data files that are no table, or no data for a classifier."""

import gzip
import io
import json
import os
import tarfile
import zipfile

from case import DATA, LABELS, data, jsonl, rows, setting, tsv

GOOD = rows(60)
CSV = "text,label\n" + "".join(f"{row['text']},{row['label']}\n" for row in GOOD)
LIAR = "1.json\tfalse\ta statement\ttaxes\tann\t\tOhio\tred\t0\t1\t0\t0\t0\ta talk"


def train(content, *sets, name="train.tsv", also=None):
    files = {"data/train.tsv": ..., f"data/{name}": content, **(also or {})}
    return data(files, *sets)


def zipped(*names, content=CSV):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name in names:
            archive.writestr(name, content)
    return stream.getvalue()


def tarred(name, content=CSV):
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        facts = tarfile.TarInfo(name)
        facts.size = len(content)
        archive.addfile(facts, io.BytesIO(content.encode()))
    return stream.getvalue()


def records(*extra, count=60):
    return jsonl([*rows(count), *extra])


CASES = {
    # ---- nothing there
    "empty-file": train(""),
    "blank-file": train(" \n\n\t\n"),
    "only-mark": train(b"\xef\xbb\xbf"),
    "header-only": train("text\tlabel\n"),
    "one-row": train("text\tlabel\na lamp\tbad\n", also={"data/valid.tsv": ..., "data/test.tsv": ...}),
    "one-row-with-others": train("text\tlabel\na lamp\tbad\n"),
    "one-class": train(tsv([{"text": f"lamp {i}", "label": "bad"} for i in range(60)])),
    "two-rows": train("text\tlabel\na lamp\tbad\na door\tfair\n", also={"data/valid.tsv": ..., "data/test.tsv": ...}),
    "empty-valid": data({"data/valid.tsv": ""}),
    "header-only-test": data({"data/test.tsv": "text\tlabel\n"}),
    "no-train": data({"data/train.tsv": ...}),
    "train-in-another-format": data({"data/train.tsv": ..., "data/train.xlsx": zipped("xl/workbook.xml")}),
    "too-few-to-split": data(
        {"data/train.tsv": tsv(rows(6)), "data/valid.tsv": ..., "data/test.tsv": ...}
    ),
    "classes-too-rare-to-split": train(
        tsv([{"text": f"lamp {i}", "label": f"class {i}"} for i in range(15)]),
        also={"data/valid.tsv": ..., "data/test.tsv": ...},
    ),
    "folder-named-train": data({"data/train.tsv": None}),
    "fifo": data({"data/train.tsv": os.mkfifo}),
    "link-to-itself": data({"data/train.tsv": lambda p: p.symlink_to(p.name)}),
    "link-to-nowhere": data({"data/train.tsv": lambda p: p.symlink_to("absent.tsv")}),
    "link-to-zero": data({"data/train.tsv": lambda p: p.symlink_to("/dev/zero")}),
    "two-valid-files": data({"data/dev.csv": CSV}),
    "two-train-files": data({"data/train.csv": CSV}),
    "same-stem-other-case": data({"data/TRAIN.tsv": DATA["data/train.tsv"]}),
    # ---- columns
    "no-such-text-column": data({}, "data.text=claim"),
    "no-such-label-column": data({}, "data.label=verdict"),
    "column-in-other-case": data({}, "data.label=Label"),
    "no-such-metadata": data({}, "data.metadata=[speaker]"),
    "column-missing-in-valid": data({"data/valid.tsv": "text\tverdict\na lamp\tbad\n"}),
    "column-missing-in-test": data({"data/test.tsv": "claim\tlabel\na lamp\tbad\n"}),
    "header-missing": train("".join(f"{r['text']}\t{r['label']}\n" for r in GOOD)),
    "duplicate-columns": train("text\tlabel\tlabel\na\tbad\tgood\nb\tfair\tbad\n"),
    "duplicate-blank-columns": train("text\tlabel\t\t\na\tbad\t\t\nb\tfair\t\t\n"),
    "column-with-escape": train("te\x1b[31mxt\tlabel\na\tbad\nb\tfair\n"),
    "ragged-short": train(DATA["data/train.tsv"] + "a lamp without a label\n"),
    "ragged-long": train("text\tlabel\na\tbad\nb\tc\tfair\n"),
    "ragged-csv": train(CSV + "Yes, it is, bad\n", name="train.csv"),
    "tsv-as-csv": train(DATA["data/train.tsv"].replace("\t", " \t "), "data.text='text '", name="train.csv"),
    "semicolons-and-commas": train("text;label,\n" + "".join(f"{r['text']};{r['label']},\n" for r in GOOD),
                                   name="train.csv"),
    "liar-13-columns": train("\n".join([LIAR.rsplit("\t", 1)[0]] * 20) + "\n", "data.text=statement"),
    "liar-15-columns": train("\n".join([LIAR + "\tmore"] * 20) + "\n", "data.text=statement"),
    "liar-one-short-row": train("\n".join([LIAR] * 5 + [LIAR.rsplit("\t", 1)[0]]) + "\n", "data.text=statement"),
    "liar-unknown-label": train("\n".join([LIAR, LIAR.replace("false", "true"), LIAR.replace("false", "maybe")]) + "\n",
                                "data.text=statement", "data.label_groups=three",
                                also={"data/valid.tsv": ..., "data/test.tsv": ...}),
    # ---- characters
    "unclosed-quote": train(CSV + '"a lamp,bad\n' + CSV, name="train.csv"),
    "text-after-quote": train('text,label\n"a" lamp,bad\nb,good\n', name="train.csv"),
    "cell-beyond-limit": train("text,label\n" + "x" * 10_000_001 + ",bad\nb,good\n", name="train.csv"),
    "nul": train("text\tlabel\na\0b\tbad\n"),
    "invalid-utf-8": train(b"text\tlabel\na\tbad\n" + b"caf\xe9\tgood\n"),
    "truncated-utf-8": train(DATA["data/train.tsv"].encode() + b"a lamp\tgoo\xc3"),
    "utf-16-no-mark": train(DATA["data/train.tsv"].encode("utf-16-le")),
    "utf-8-read-as-utf-16": train(DATA["data/train.tsv"], "data.encoding=utf-16"),
    "utf-8-read-as-utf-32": train(DATA["data/train.tsv"], "data.encoding=utf-32"),
    "latin-1-read-as-ascii": train("text\tlabel\nété\tbad\n".encode("latin-1"), "data.encoding=ascii"),
    "cr-only-one-line": train("text\tlabel", name="train.tsv"),
    "cr-only": train("text\tlabel\ra\tbad\rb\r"),
    "utf-16-cut": train(DATA["data/train.tsv"].encode("utf-16")[:-1]),
    "gzip-cut": train(gzip.compress(CSV.encode(), mtime=0)[:-30], name="train.csv.gz"),
    "zip-of-two-files": train(zipped("train.csv", "test.csv"), name="train.zip"),
    "tar": train(tarred("train.csv"), name="train.csv"),
    "tar-gz": train(gzip.compress(tarred("train.csv"), mtime=0), name="train.csv.gz"),
    "old-excel-as-csv": train(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(512), name="train.csv"),
    "xlsx-as-csv": train(zipped("xl/workbook.xml"), name="train.csv"),
    "png-as-tsv": train(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + bytes(64)),
    "html-as-csv": train("<!DOCTYPE html>\n<html>\n<body>Sign in to go on</body>\n</html>\n", name="train.csv"),
    "lfs-pointer": train("version https://git-lfs.github.com/spec/v1\noid sha256:0123\nsize 1234\n", name="train.csv"),
    # ---- labels
    "unseen-label-in-valid": data({"data/valid.tsv": "text\tlabel\na lamp\tbest\n"}),
    "unseen-label-in-test": data({"data/test.tsv": "text\tlabel\na lamp\tGood\n"}),
    "empty-label": train(DATA["data/train.tsv"] + "a lamp\t\n"),
    "blank-label": train(DATA["data/train.tsv"] + "a lamp\t \n"),
    "label-is-the-id": train(tsv([{"text": f"lamp {i}", "label": f"row {i}"} for i in range(300)])),
    "300-classes-of-one-row": train(tsv([{"text": f"lamp {i}", "label": i} for i in range(300)])),
    "text-and-label-swapped": data({}, "data.text=label", "data.label=text"),
    "label-of-numbers-with-fractions": train(tsv([{"text": f"lamp {i}", "label": i / 7} for i in range(60)])),
    "label-with-escape": train(jsonl([*GOOD, {"text": "a", "label": "\x1b[31mred"}]), name="train.jsonl"),
    "label-with-newline": train(jsonl([*GOOD, {"text": "a", "label": "two\nlines"}]), name="train.jsonl"),
    "label-too-long": train(jsonl([*GOOD, {"text": "a", "label": "x" * 5000}]), name="train.jsonl"),
    "labels-bool-against-text": train(jsonl([{"text": f"lamp {i}", "label": i % 2 == 0} for i in range(60)]),
                                      name="train.jsonl"),
    "labels-absent-in-train": train(jsonl([{"text": f"lamp {i}", "label": None} for i in range(60)]), name="train.jsonl"),
    "labels-absent-in-train-and-to-be-split": train(
        jsonl([{"text": f"lamp {i}", "label": ""} for i in range(60)]), name="train.jsonl", also={"data/test.tsv": ...}
    ),
    "label-column-absent-in-train": train(tsv([{"text": r["text"]} for r in GOOD])),
    "label-column-absent-everywhere": data(dict.fromkeys(DATA, "text\na lamp\na door\n")),
    "labels-absent-in-train-and-hard-labels-alone": data(
        {"data/train.tsv": tsv([{"text": r["text"]} for r in GOOD])}, "teacher={probabilities: answers.csv}",
        "student={from_scratch: {layers: 1, width: 16, heads: 2, vocabulary: 300}}", "distillation.hard_label_weight=1",
    ),
    # ---- texts
    "texts-all-blank": train(tsv([{"text": " ", "label": LABELS[i % 3]} for i in range(60)])),
    "texts-blank-in-test": data({"data/test.tsv": "text\tlabel\n \tbad\n \tgood\n"}),
    "texts-all-the-same": train(tsv([{"text": "a lamp", "label": LABELS[i % 3]} for i in range(60)])),
    "texts-all-the-same-to-split": train(tsv([{"text": "a lamp", "label": LABELS[i % 3]} for i in range(60)]),
                                         also={"data/valid.tsv": ..., "data/test.tsv": ...}),
    "texts-are-numbers": train(tsv([{"text": i, "label": LABELS[i % 3]} for i in range(60)])),
    "second-text-blank": setting("data.text=[text, more]", files={"data/train.tsv":
                                 tsv([{**r, "more": ""} for r in GOOD])}),
    # ---- JSON
    "json-broken-line": train(records() + '{"text": "a lamp", "label": "bad"\n', name="train.jsonl"),
    "json-single-quotes": train("{'text': 'a lamp', 'label': 'bad'}\n", name="train.jsonl"),
    "json-lists": train('["a lamp", "bad"]\n["a door", "good"]\n', name="train.jsonl"),
    "json-list-of-lists": train('[["a lamp", "bad"], ["a door", "good"]]', name="train.json"),
    "json-words": train('"a lamp"\n"a door"\n', name="train.jsonl"),
    "json-numbers": train("1\n2\n", name="train.jsonl"),
    "json-null-line": train(records() + "null\n", name="train.jsonl"),
    "json-empty-list": train("[]", name="train.json"),
    "json-empty-objects": train("{}\n{}\n", name="train.jsonl"),
    "json-one-object-of-columns": train(json.dumps({"text": ["a", "b"], "label": ["bad", "good"]}), name="train.json"),
    "json-list-cut": train(json.dumps(GOOD)[:-20], name="train.json"),
    "json-nan-label": train(records() + '{"text": "a lamp", "label": NaN}\n', name="train.jsonl"),
    "json-infinite-label": train(records() + '{"text": "a lamp", "label": Infinity}\n', name="train.jsonl"),
    "json-key-twice": train(records() + '{"text": "a lamp", "label": "bad", "label": "good"}\n', name="train.jsonl"),
    "json-nested-text": train(records({"text": {"en": "a lamp"}, "label": "bad"}), name="train.jsonl"),
    "json-list-label": train(records({"text": "a lamp", "label": ["bad", "good"]}), name="train.jsonl"),
    "json-object-label": train(records({"text": "a lamp", "label": {"name": "bad"}}), name="train.jsonl"),
    "json-label-missing-once": train(records({"text": "a lamp"}), name="train.jsonl"),
    "json-huge-number": train(records() + '{"text": "a lamp", "label": ' + "9" * 5000 + "}\n", name="train.jsonl"),
    "json-deep": train(records() + "[" * 100_000 + "\n", name="train.jsonl"),
    "json-deep-object": train(records() + '{"text": ' * 100_000 + "\n", name="train.jsonl"),
    "json-half-a-character": train(records() + '{"text": "a lamp", "label": "\\ud83d"}\n', name="train.jsonl"),
    "json-lists-of-three": train('["a lamp", "bad", 1]\n["a door", "good"]\n', "data.columns=[text,label,n]",
                                 name="train.jsonl"),
    "json-records-below-two-keys": train(json.dumps({"train": GOOD, "test": GOOD}), name="train.json"),
    "json-columns-of-two-lengths": train(json.dumps({"text": ["a", "b"], "label": ["bad"]}), name="train.json"),
    "fasttext-two-labels": train("__label__bad a lamp\n__label__good __label__fair a door\n", name="train.txt"),
    "fasttext-other-names": train("__label__bad a lamp\n__label__good a door\n", "data.text=claim", name="train.txt"),
    "folder-of-subsets": data({"data/train.tsv": ..., "data/valid.tsv": ..., "data/test.tsv": ...,
                               "data/en/train.tsv": DATA["data/train.tsv"], "data/fr/train.tsv": DATA["data/train.tsv"]}),
    "no-such-subset": data({}, "data.subset=fr"),
    "pattern-without-a-file": setting("data.source=data/part-*.csv"),
    "list-with-an-unclear-file": setting("data.source=[data/train.tsv,data/test.tsv,data/more.tsv]"),
    "list-with-a-missing-file": setting("data.source=[data/train.tsv,data/train-2.tsv]"),
    "shards-with-other-columns": setting("data.source=[data/train.tsv,data/train-2.tsv]",
                                         files={"data/train-2.tsv": "text\tverdict\na lamp\tbad\n"}),
    "label-missing-in-the-second-shard": setting("data.source=[data/train.tsv,data/train-2.tsv]",
                                                 files={"data/train-2.tsv": "text\tlabel\na lamp\tbad\na door\t\n"}),
    "csv-as-json": train(CSV, name="train.jsonl"),
    "jsonl-comma-ends": train(records().replace("}\n", "},\n"), name="train.jsonl"),
}  # fmt: skip
