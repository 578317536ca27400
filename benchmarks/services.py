"""Compare services made from several sources: requests per second, latency, memory.

    python benchmarks/services.py RUN --sources before=PATH now=PATH [--rounds N] [--seconds S]

Each PATH is a folder with the package `alambique` in it, as `src` of a checkout. In each round each source in turn serves
the int8 student of RUN in a process of its own, and is measured:

1. One client: a request with one text against the same session without HTTP, blocks in turn.
2. 8 and 200 clients, each sending one request after another: answers per second, and the processor time of the service per
   answer, which other processes on the machine disturb less.
3. Resident memory at the end.

Printed are medians over the rounds, and the range. The last line of the output is one JSON object.
"""

import argparse
import json
import statistics
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from service import MEGABYTE, latency, load, serving

from alambique.artefacts.splits import run_data
from alambique.run.folder import RunFolder

CLIENTS = (8, 200)
BLOCKS, ROUNDS, SECONDS, PAUSE = 4, 5, 5.0, 0.5
Figures = dict[str, float]


def main() -> None:
    """Measure all sources and print the results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, metavar="RUN", help="a run with an int8 export")
    parser.add_argument("--sources", nargs="+", type=named, metavar="NAME=PATH", required=True)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--seconds", type=float, default=SECONDS, help="for each number of clients")
    options = parser.parse_args()
    texts = [row[0] for row in run_data(RunFolder.existing(options.run))[0].test.segments()]
    rounds: dict[str, list[Figures]] = {name: [] for name, _ in options.sources}
    for number in range(options.rounds):
        for name, source in options.sources if number % 2 == 0 else options.sources[::-1]:
            rounds[name].append(measure(options.run, source, texts, options.seconds))
            print(number, name, json.dumps(rounds[name][-1]), flush=True)
    summaries = {name: summary(figures) for name, figures in rounds.items()}
    for name, figures in summaries.items():
        for figure, (low, median, high) in figures.items():
            print(f"{name:12} {figure:26} {median:10.3f}  ({low:.3f} to {high:.3f})")
    print(json.dumps({"benchmark": "services", "rounds": options.rounds, "sources": summaries}))


def named(value: str) -> tuple[str, Path]:
    """Split NAME=PATH; PATH must hold the package."""
    name, _, path = value.partition("=")
    if not (Path(path) / "alambique" / "__main__.py").is_file():
        raise argparse.ArgumentTypeError(f"{path} has no package alambique in it.")
    return name, Path(path).resolve()


def measure(run: Path, source: Path, texts: list[str], seconds: float) -> Figures:
    """Figures of one service in one round."""
    with serving(run, source) as service:
        latency(service, run, texts, 1)
        time.sleep(PAUSE)
        figures = {name: value for name, value in latency(service, run, texts, BLOCKS).items() if name in
                   ("serve_ms", "session_ms", "ratio_to_session")}  # fmt: skip
        for clients in CLIENTS:
            before = processor_seconds(service.process.cpu_times())
            loaded = load(service, texts, clients, seconds)
            spent = processor_seconds(service.process.cpu_times()) - before
            answers = loaded["answers"].get("200", 0)
            figures[f"answers_per_s_{clients}"] = answers / seconds
            figures[f"cpu_ms_per_answer_{clients}"] = 1000 * spent / max(1, answers)
            figures[f"not_200_{clients}"] = sum(loaded["answers"].values()) - answers
        figures["memory_mb"] = service.process.memory_info().rss / MEGABYTE
    return figures


def processor_seconds(times: Any) -> float:
    """Processor time of a process so far, its own and the system's for it."""
    return float(times.user + times.system)


def summary(rounds: Sequence[Figures]) -> dict[str, tuple[float, float, float]]:
    """Lowest, median and highest value of each figure."""
    columns = {name: [figures[name] for figures in rounds] for name in rounds[0]}
    return {name: (min(values), statistics.median(values), max(values)) for name, values in columns.items()}


if __name__ == "__main__":
    main()
