"""Reports made by hand, as values of JSON and typed, and the details of a page."""

from alambique.report.details import ChangedRow, ChangedRows, ConfidenceBin, Details, Point
from alambique.report.schema import Report

MODELS = ("teacher", "student", "undistilled", "tfidf", "majority")
SPLITS = ("train", "valid", "test")
TWIN = "the same model trained without a teacher"
LABELS = [
    "<script>window.attacked=1</script>",
    "x" * 120,
    "مرحبا",
    "\u202eb\x00\x1b[31m",
    '$a_b$ & "q"',
    "' onload=f()",
]
TEXT = "</p><script>window.attacked=1</script> " + "W" * 2000


def figure(mean):
    return {"mean": mean, "low": mean - 0.02, "high": mean + 0.02, "per_seed": [mean - 0.01, mean + 0.01]}


def plain_report():
    """The JSON of a report without verdict, cost and intervals."""
    models = {}
    for i, name in enumerate(MODELS):
        quality = {"mean": 0.5 - 0.05 * i, "low": None, "high": None, "per_seed": [0.5 - 0.05 * i]}
        split = {
            "accuracy": quality, "macro_f1": quality, "expected_calibration_error": None,
            "agreement_with_teacher": quality,
        }  # fmt: skip
        parameters = (1000, 250, 250, 90, 0)[i]
        models[name] = {
            "parameters": parameters, "bytes": 4 * parameters if i < 3 else None, "valid": dict(split),
            "test": dict(split), "latency_ms": None, "throughput_per_s": None,
        }  # fmt: skip
    return {
        "alambique": "0.1.0", "run_id": "abc", "models": models, "verdict": None,
        "recipe": {
            "data": {"source": "reviews", "text": ["text"], "metadata": [], "max_length": 16, "label_groups": None},
            "teacher": {"model": None}, "student": {"model": None},
            "distillation": {"loss": "kl", "temperature": 2.0, "hard_label_weight": 0.5}, "seeds": [0],
        },
        "data": {
            "rows": {"train": 9, "valid": 6, "test": 6}, "label_names": ["bad", "good"], "notes": [], "findings": [],
            "label_counts": {split: {"bad": 3, "good": 3} for split in SPLITS},
        },
        "seeds": {"all": [0], "kept": 0, "chosen_by": "valid macro_f1"}, "timings": {"teacher": 75.0},
        "environment": {"python": "3.11", "gpu": None, "versions": {"torch": "2", "transformers": "5"}},
    }  # fmt: skip


def full_report(helped="not shown", low=-0.01):
    """The JSON of a report with a verdict, costs and intervals."""
    report = plain_report()
    report["verdict"] = {
        "gain": {"metric": "macro_f1", "over": "undistilled", **figure(0.02), "low": low, "high": 0.05},
        "other_gains": [],
        "retention": {"metric": "macro_f1", **figure(0.95), "low": 0.9, "high": 1.0}, "helped": helped,
        "rule": "The rule", "counts": "rows only",
        "mcnemar": [{"seed": 0, "student_only_right": 88, "undistilled_only_right": 77, "p": 0.43}],
    }  # fmt: skip
    for milliseconds, name in zip((30.0, 12.0, 12.5, 0.6), MODELS, strict=False):
        report["models"][name] |= {
            "latency_ms": {"p50": milliseconds, "p99": 2 * milliseconds},
            "throughput_per_s": 99.0,
        }
    report["models"]["student"] |= {"temperature": 1.3}
    report["models"]["student"]["test"] = {
        **{key: figure(0.45) for key in ("accuracy", "macro_f1", "expected_calibration_error")},
        "agreement_with_teacher": figure(0.45), "kl_to_teacher": figure(0.2),
        "quadratic_weighted_kappa": figure(0.45), "mean_absolute_error": figure(1.4),
    }  # fmt: skip
    return report


def unmeasured_report():
    """The JSON of a report whose train has no labels."""
    report = full_report("not measured")
    report["models"] = {name: report["models"][name] for name in ("teacher", "student")}
    report["data"]["label_counts"]["train"] = {}
    report["verdict"] |= {"gain": None, "rule": None, "mcnemar": []}
    report["soft_labels"] = {"folds": 1, "members": 1, "labels": {"accuracy": None, "confidence": 0.625}}
    return report


def complete_report():
    """The JSON of a report with every key that this version writes, in its order."""

    def interval(mean):
        return {"mean": mean, "low": mean - 0.25, "high": mean + 0.25}

    parity = {
        "rows": 6, "agreement": 1.0, "max_drift": 3.7e-08, "mean_drift": 6e-09, "confident_rows": 0,
        "confident_agreement": None, "macro_f1": 0.25, "macro_f1_drop": interval(0.0),
        "labels": [{"label": "bad", "mean_drift": 1e-09, "confident": 6, "agreement": 1.0, "f1_drop": interval(0.0)}],
    }  # fmt: skip
    quality = {
        "accuracy": figure(0.5), "macro_f1": figure(0.5),
        "expected_calibration_error": figure(0.125) | {"low": None, "high": None, "if_calibrated": 0.125},
        "agreement_with_teacher": figure(0.75), "kl_to_teacher": figure(0.5),
        "quadratic_weighted_kappa": None, "mean_absolute_error": None,
    }  # fmt: skip
    model = {
        "parameters": 1000, "bytes": 4000, "valid": quality, "test": quality,
        "labels": [{
            "label": "bad", "threshold": 0.25, "rows": 3, "given": 2, "precision": 0.5, "recall": 0.25,
            "f1": interval(0.5) | {"per_seed": [0.5]}, "average_precision": 0.5, "expected_calibration_error": 0.125,
            "if_calibrated": 0.125,
        }],
        "temperature": 1.5,
        "calibration": [{"temperature": 1.5, "test_expected_calibration_error": 0.125, "if_calibrated": 0.125}],
        "epochs": {"planned": 6, "made": [6, 6]},
        "latency_ms": {"p50": 1.5, "p99": 2.0}, "throughput_per_s": 100.0,
    }  # fmt: skip
    finding = {
        "code": "duplicate-texts", "where": "train", "message": "“Ação” stands there twice.", "advice": "Remove one.",
        "count": 1, "share": 0.125, "row_ids": ["train-1"],
    }  # fmt: skip
    share = interval(0.5) | {"rows": 6}
    verdict = full_report("yes", low=0.005)["verdict"]
    verdict["retention"] = {"metric": "macro_f1", "of": "teacher"} | verdict["retention"]
    verdict["resolution"] = {"rows": 6, "student_wrong": 2.5, "undistilled_wrong": 3.0, "difference": 0.0225}
    return {
        "alambique": "0.1.0",
        "run_id": "abc",
        "recipe": {
            **plain_report()["recipe"], "compute": {"plain": False}, "a key of another version": [1, 2.5, None, "ç"],
        },
        "data": {
            "rows": {"train": 9, "valid": 6, "test": 6}, "label_names": ["bad", "good"], "ordinal": False,
            "task": "single_label",
            "label_counts": {split: {"bad": 3, "good": 3} for split in SPLITS}, "notes": ["a note"],
            "findings": [finding],
        },
        "models": {"teacher": model, "student": model, "undistilled": model, "tfidf": model, "majority": model},
        "soft_labels": {
            "folds": 2, "members": 1, "teachers": 1, "labels": {"accuracy": 0.5, "confidence": 0.625},
            "in_sample": {"accuracy": 0.75, "confidence": 0.875}, "temperatures": [[1.5, 1.25], [1.0, 2.0]],
            "weights": [[0.5, 0.5], [0.75, 0.25]],
            "views": 4, "contradicted": {"rows": [3, None], "of": 9, "weight": 0.25, "file": "contradicted/rows.csv"},
        },
        "verdict": verdict,
        "decision": {
            "label": "bad", "at_precision": 0.75, "threshold": 0.25, "valid_precision": share, "valid_recall": share,
            "test_precision": share, "test_recall": share,
        },
        "export": {
            "opset": 18, "temperature": 1.5, "thresholds": {"bad": 0.25}, "inputs": ["input_ids", "attention_mask"],
            "models": {
                "int8": {
                    "file": None, "scheme": "last", "bytes": 9, "parity": parity, "problems": ["bad"],
                    "tried": [{"scheme": "first", "bytes": 9, "parity": parity, "problems": ["worse"]}],
                },
            },
            "findings": [finding | {"count": None, "share": None, "row_ids": []}],
        },
        "seeds": {"all": [0, 1], "students": [0, 1], "kept": 1, "chosen_by": "valid macro_f1"},
        "timings": {"data": 1.5, "teacher": None},
        "environment": {
            "python": "3.11.7", "platform": "Linux", "processor": "x86_64", "cpus": 2, "versions": {"torch": "2"},
            "threads": 2, "accelerator": None, "gpu": None, "gflops_matmul": 123.5,
        },
    }  # fmt: skip


def typed(report):
    """A typed report of JSON values."""
    return Report.model_validate(report)


def hostile():
    """A report whose names and texts would like to be a program, and the details to draw everything."""
    report = full_report()
    report["data"] |= {
        "label_names": LABELS, "label_counts": {split: {"x" * 120: 3} for split in SPLITS},
        "notes": ["<img src=x onerror=window.attacked=1>" + "y" * 300],
        "findings": [{"code": "c", "where": "test", "message": "<b>m</b>" + "m" * 300, "advice": "a", "row_ids": []}],
    }  # fmt: skip
    report["recipe"]["data"]["source"] = "/a/" + "z" * 200
    report["export"] = complete_report()["export"]
    report["export"]["models"]["int8"] |= {
        "file": "model_int8.onnx", "scheme": "calibrated ranges, 7-bit weights, 8-bit embeddings",
    }  # fmt: skip
    row = ChangedRow("<b>", TEXT, LABELS[0], LABELS[1], LABELS[3])
    losses = [Point(epoch / 2, 2 - epoch / 9) for epoch in (2, 4, 6, 8)]
    macro_f1 = [Point(epoch / 2, epoch / 9) for epoch in (1, 3, 5, 7)]
    details = Details(
        confusion={name: [[3 * (i == j) + i for j in range(6)] for i in range(6)] for name in MODELS[:3]},
        reliability={name: [ConfidenceBin(rows, rows / 10, rows / 12) for rows in range(10)] for name in MODELS[:3]},
        losses={"student": losses, "undistilled": losses},
        quality={"student": macro_f1, "undistilled": macro_f1},
        token_lengths=[3, 5, 8, 13, 21],
        changed_rows=ChangedRows(fixed_total=88, broken_total=77, fixed=[row] * 6, broken=[row]),
    )
    return typed(report), details
