"""The parts of the benchmarks that measure nothing: counts, weights, reading."""

import argparse
import json
import random
import re
import runpy
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode
from transformers import DistilBertConfig, DistilBertForSequenceClassification

from alambique.models.speedups.cls_last_layer import enable_cls_only
from alambique.serve.limits import Limits, RequestProblem
from alambique.serve.requests import parse

FOLDER = Path(__file__).resolve().parents[1] / "benchmarks"
SCRIPTS = (
    "epoch", "textbrewer", "efficiency", "labelling", "walltime", "inference", "accelerator", "last_layer", "order",
    "exports", "interval_coverage", "class_figure_coverage", "label_set_coverage", "features", "scale",
)  # fmt: skip


@pytest.mark.parametrize("script", SCRIPTS)
def test_each_script_has_help_with_its_command_and_a_full_size(bench, monkeypatch, capsys, script):
    monkeypatch.setattr(sys, "argv", [f"{script}.py", "--help"])
    with pytest.raises(SystemExit, match="0"):
        runpy.run_path(str(FOLDER / f"{script}.py"), run_name="__main__")
    told = capsys.readouterr().out
    assert f"python benchmarks/{script}.py" in told
    assert "--full" in told
    assert "JSON" in told


@pytest.mark.parametrize("script", SCRIPTS)
def test_the_results_name_the_command_of_each_script(script):
    assert f"python benchmarks/{script}.py" in (FOLDER / "RESULTS.md").read_text("utf-8")


def test_each_architecture_of_the_last_layer_is_one_that_it_is_made_faster_for(bench, monkeypatch):
    script = bench("last_layer")
    for size in script.SHAPES.values():
        monkeypatch.setitem(size, "n_layers" if "dim" in size else "num_hidden_layers", 1)
    for name in script.SHAPES:
        assert enable_cls_only(script.build(name)), name
    model = script.build("distilbert")
    assert all(milliseconds > 0 for milliseconds in script.times(model, script.example(), 1))


def test_the_order_goes_on_where_it_was_stopped(bench, tmp_path):
    script, file = bench("order"), tmp_path / "results.jsonl"
    first, second = (["scratch", 300, seed, "ours", seed, "2.13", "settings"] for seed in (0, 1))
    assert script.read_result(file, first) is None
    script.store_result(file, first, script.Result(0.5, 1.25))
    file.write_text(file.read_text() + '\n{"key": ["scratch", 300, 1', "utf-8")  # a write that was cut off
    script.store_result(file, second, script.Result(0.75, 2.5))
    assert script.read_result(file, first) == (0.5, 1.25)
    assert script.read_result(file, second) == (0.75, 2.5)
    assert script.read_result(file, [*first[:-1], "others"]) is None


def test_flops_of_a_tiny_row_worked_out_by_hand(bench):
    count = bench("efficiency").training_flops
    # 3 tokens, width 4, feed-forward 8, 2 heads, 2 classes; multiply-adds:
    full = 3 * (4 * 16 + 2 * 32) + 2 * 9 * 4  # four square matrices and two of the feed-forward; scores, mixture
    first = 16 + 16 + 64  # query, output projection, feed-forward at one token
    head = 16 + 8
    keys_values = first + 2 * 3 * 16 + 2 * 3 * 4  # keys and values of 3 tokens, one row of scores and one mixture
    folded = first + 16 + 16 + 2 * (2 * 3 * 4)  # both matrices once, scores and mixture for each head
    assert count(3, 2, 4, 8, 2, reassociated=False, classes=2) == 6 * (full + keys_values + head) == 4176
    assert count(3, 2, 4, 8, 2, reassociated=True, classes=2) == 6 * (full + folded + head) == 3936


def test_the_stricter_count_is_what_the_forward_pass_does(bench):
    config = DistilBertConfig(vocab_size=50, dim=24, hidden_dim=40, n_layers=3, n_heads=4, num_labels=6)
    config._attn_implementation = "eager"  # whose products the counter sees
    model = DistilBertForSequenceClassification(config).eval()
    enable_cls_only(model)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model(input_ids=torch.ones(1, 7, dtype=torch.long))
    counted = bench("efficiency").training_flops(7, 3, 24, 40, 4, reassociated=True)
    assert counter.get_total_flops() == counted / 3


def test_strata_stand_for_all_items(bench):
    costs = np.random.default_rng(0).lognormal(3, 0.5, 103)
    strata = bench("common").stratify(costs, 5)
    assert strata.weights.sum() == pytest.approx(1)
    assert sorted(np.round(strata.weights * 103)) == [20, 20, 21, 21, 21]
    assert np.all(np.diff(costs[strata.chosen]) > 0)
    assert strata.mean(costs[strata.chosen]) == pytest.approx(costs.mean())
    assert strata.scale == pytest.approx(1, abs=0.02)


def test_strata_are_no_more_than_the_items(bench):
    strata = bench("common").stratify(np.array([4.0, 2.0]), 5)
    assert strata.chosen.tolist() == [1, 0]
    assert strata.mean([10.0, 20.0]) == 15


def test_padding_of_batches_by_hand(bench):
    common = bench("common")
    lengths = np.array([2, 4, 3, 3, 9])
    batches = common.cut(np.array([0, 1, 2, 3, 4]), 2)
    assert [rows.tolist() for rows in batches] == [[0, 1], [2, 3]]
    assert common.processed(batches, lengths).tolist() == [8, 6]
    assert common.padding(batches, lengths) == pytest.approx(14 / 12)


def test_medians_and_last_line(bench):
    common = bench("common")
    assert common.medians([[1, 5], [3, 4], [2, 9]]) == [2, 5]
    assert common.last_json('some words\n{"a": 1}\n\n') == {"a": 1}


def test_steps_of_one_width_are_one_figure(bench):
    module, common = bench("textbrewer"), bench("common")
    times = module.by_width([4, 9, 4, 4], [1.0, 7.0, 2.0, 6.0])
    assert times == {4: [1.0, 2.0, 6.0], 9: [7.0]}
    strata = common.Strata(np.array([0, 1]), np.array([0.25, 0.75]), 1.0)
    lengths = np.array([4, 1, 9, 2])
    chosen = [np.array([0, 1]), np.array([2, 3])]
    per_row = module.seconds_per_row(
        times, (strata, chosen), size=lambda rows: module.size_of(rows, way="fed", lengths=lengths)
    )
    assert per_row == pytest.approx((0.25 * 2 + 0.75 * 7) / module.BATCH)
    assert [module.size_of(rows, way="ours", lengths=lengths) for rows in chosen] == [5, 11]
    assert [module.rows_for(way) for way in ("ours", "default", "cache", "fed")] == [
        "ours",
        "shuffled",
        "shuffled",
        "grouped",
    ]


def test_every_turn_takes_each_batch_as_often(bench):
    module = bench("textbrewer")
    chosen = [np.array([i]) for i in range(5)]
    steps = [int(rows[0]) for rows in module.order_of(chosen, 1)]
    assert steps[:2] == [2, 2]
    assert sorted(steps[2:]) == sorted(list(range(5)) * module.PASSES)


def test_the_benchmark_does_not_take_itself_for_textbrewer(bench):
    spec = bench("textbrewer").find_textbrewer()
    assert spec is None or FOLDER not in Path(spec.origin).parents


def test_stage_seconds_of_a_run(bench, tmp_path):
    manifest(tmp_path / "teacher", 30)
    manifest(tmp_path / "soft_labels", 5)
    manifest(tmp_path / "predictions" / "teacher", 2)
    stages = bench("walltime").stage_seconds(tmp_path)
    assert stages == {"teacher": 30, "soft_labels": 5, "predictions/teacher": 2}


def test_stage_seconds_of_several_seeds_count_the_best_once(bench, tmp_path):
    manifest(tmp_path / "teacher", 30)
    manifest(tmp_path / "data", 1)
    manifest(tmp_path / "seeds" / "0" / "teacher", 30)
    manifest(tmp_path / "seeds" / "7" / "teacher", 32)
    manifest(tmp_path / "seeds" / "7" / "predictions" / "student", 3)
    assert bench("walltime").stage_seconds(tmp_path) == {"data": 1, "teacher": 62, "predictions/student": 3}


def test_shares_of_the_wall_time(bench):
    module = bench("walltime")
    stages = {"teacher": 40.0, "student": 20.0, "undistilled": 20.0, "soft_labels": 5.0, "data": 3.0}
    found = module.shares(stages, 100.0, module.LIAR_ROWS)
    assert (found["training_s"], found["labelling_s"], found["rest_s"]) == (80, 5, 15)
    assert found["rest_share"] == found["rest_share_all_rows"] == 0.15
    assert module.shares(stages, 100.0, module.LIAR_ROWS // 3)["rest_share_all_rows"] == pytest.approx(
        15 / 270, abs=1e-3
    )


def test_generated_texts_come_in_chunks_and_again_the_same(bench, monkeypatch):
    module = bench("labelling")
    monkeypatch.setattr(module, "CHUNK", 40)

    class Words:
        def get_vocab(self):
            return {"a": 0, "bc": 1, "##d": 2, "[PAD]": 3}

    first, second = list(module.texts(Words(), 100)), list(module.texts(Words(), 100))
    assert first == second
    assert [len(chunk) for chunk in first] == [40, 40, 20]
    assert {word for chunk in first for (text,) in chunk for word in text.split()} == {"a", "bc"}


def test_every_malformed_body_is_one(bench):
    bad_body, maker = bench("service").bad_body, random.Random(3)
    seen = set()
    for _ in range(2000):
        with pytest.raises(RequestProblem) as refused:
            parse(bad_body(maker), Limits(), pairs=False)
        seen.add(refused.value.status)
    assert seen == {400, 422}


def test_a_request_carries_its_length(bench):
    module = bench("service")
    head, _, body = module.request(b'{"text": "a"}').partition(b"\r\n\r\n")
    assert head.split(b"\r\n")[0] == b"POST /predict HTTP/1.1"
    assert module._length(head) == len(body) == 13


def test_sources_are_folders_with_the_package(bench, tmp_path):
    module, source = bench("services"), FOLDER.parent / "src"
    assert module.named(f"now={source}") == ("now", source)
    with pytest.raises(
        argparse.ArgumentTypeError, match=f"^{re.escape(str(tmp_path))} has no package alambique in it.$"
    ):
        module.named(f"now={tmp_path}")


def test_rounds_are_summed_up_by_median_and_range(bench):
    rounds = [{"answers": 10.0, "ms": 3.0}, {"answers": 40.0, "ms": 1.0}, {"answers": 20.0, "ms": 2.0}]
    assert bench("services").summary(rounds) == {"answers": (10.0, 20.0, 40.0), "ms": (1.0, 2.0, 3.0)}


def test_speeds_keep_three_figures(bench):
    assert bench("inference").rounded({"a": 1234.56, "b": 1.23456, "c": 0.012345}) == {
        "a": 1230,
        "b": 1.23,
        "c": 0.0123,
    }


def manifest(folder, seconds):
    folder.mkdir(parents=True)
    (folder / "manifest.json").write_text(json.dumps({"seconds": seconds, "files": {}, "key": {}}), "utf-8")
