"""`alambique predict --input` killed at drawn moments goes on: nothing lost, nothing twice, nothing half-written.

Part of the campaign:  pytest tests/faults -m slow [--faults-seconds 240] [--faults-seed N]
"""

import json
import signal
import time
from collections import defaultdict

import pyarrow.parquet as pq
import pytest
from campaign import reported
from processes import Slice

from alambique.batch_prediction.layout import MANIFEST, MARK
from conftest import rows, write_jsonl

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("drawn_figures")]
KILLS, LONGEST_SLICE, SHARDS, SHARD_ROWS = 50, 3.0, 40, 250
LOOK = 0.005  # seconds between looks at what is there


def shards(folder):
    """The finished shards by name, with what they are: another file of the same name has another number or time."""
    found = {}
    for path in folder.glob("part-*.parquet"):
        told = path.stat()
        found[path.name] = (told.st_ino, told.st_mtime_ns)
    return found


def test_kills_at_drawn_moments(exported, campaign, request, tmp_path):
    write_jsonl(tmp_path / "in.jsonl", [{**row, "id": n} for n, row in enumerate(rows(SHARDS * SHARD_ROWS, 9))])

    def command(out):
        options = ("--prefix", "p_", "--shard-rows", SHARD_ROWS, "--model", "onnx")
        return ["predict", exported[0], "--input", tmp_path / "in.jsonl", "--output", out, *options]

    calm = Slice(command(tmp_path / "calm"), tmp_path / "said", forked=True)
    assert calm.wait() == 0, calm.err()
    reference = {path.name: path.read_bytes() for path in (tmp_path / "calm").iterdir()}
    assert len(reference) == SHARDS + 2
    left, chance = campaign.clock(0.1), campaign.chance("predict kills")
    kills = runs = processes = 0
    with reported(request, "predict kills") as figures:
        while kills < KILLS and (left() or not runs):
            out = tmp_path / f"out{runs}"
            seen = defaultdict(set)
            done = False
            while not done:
                one = Slice(command(out), tmp_path / "said", forked=processes % 5 != 4)
                last = kills >= KILLS or not left()
                moment = time.monotonic() + chance.uniform(0, LONGEST_SLICE)
                while one.status is None and (last or time.monotonic() < moment):
                    for name, what in shards(out).items():
                        seen[name].add(what)
                    time.sleep(LOOK)
                one.send(signal.SIGKILL)
                one.wait()
                processes += 1
                done = one.status == 0
                kills += not done
                assert done or one.status == -signal.SIGKILL, one.err()
                for name, what in shards(out).items():
                    seen[name].add(what)
                    assert pq.read_metadata(out / name).num_rows == SHARD_ROWS
                assert done == (out / MANIFEST).is_file()
            runs += 1
            assert {path.name: path.read_bytes() for path in out.iterdir()} == reference
            assert {name: len(whats) for name, whats in seen.items() if len(whats) != 1} == {}
            assert set(seen) == set(reference) - {MARK, MANIFEST}
            ids = [n for name in sorted(seen) for n in pq.read_table(out / name)["id"].to_pylist()]
            assert ids == list(range(SHARDS * SHARD_ROWS))
            assert json.loads((out / MANIFEST).read_text())["rows"] == SHARDS * SHARD_ROWS
            figures |= {"kills": kills, "processes": processes, "folders, all the same": runs}
