"""The report, from the results of a run; nothing is trained or scored here."""

from typing import Any

import numpy as np
import torch

import alambique
from alambique.artefacts.predictions import further_teachers, twins
from alambique.artefacts.splits import MULTI_LABEL, Splits
from alambique.artefacts.unlabelled import recorded_unlabelled
from alambique.errors import RunFolderError
from alambique.evaluation.tasks import TASKS
from alambique.evaluation.usefulness import most_frequent
from alambique.evaluation.verdict import calibration, figures, verdict
from alambique.recipe.recipe import Recipe
from alambique.recipe.teacher_list import section_of
from alambique.report.decision_report import decision_of
from alambique.report.export_report import ExportReport
from alambique.report.label_sets import label_qualities
from alambique.report.model_report import Calibration, Epochs, Latency, ModelReport, Quality
from alambique.report.names import model_title
from alambique.report.numbers import grouped
from alambique.report.parts import DataFinding
from alambique.report.results import RunResults
from alambique.report.schema import DataReport, Environment, Report, Seeds
from alambique.report.soft_label_report import SoftLabelReport
from alambique.report.teacher_notes import teacher_notes
from alambique.report.verdict_report import Verdict
from alambique.report.vocabulary_notes import vocabulary_notes
from alambique.run.folder import RunFolder
from alambique.run.integrity import read_json
from alambique.run.layout import (
    BENCHMARK,
    COST,
    DATA,
    EXPORT_FACTS,
    MAJORITY,
    MIXED_LABELS,
    MODELS,
    ONNX,
    PREDICTIONS,
    SEED_STAGES,
    STUDENT,
    TEACHER,
    TFIDF,
    UNDISTILLED,
    UNDISTILLED_ONCE,
    teacher_folder,
)
from alambique.run.manifest import environment, recorded_digest
from alambique.training.stopping import epochs_made


def collect_report(results: RunResults) -> Report:
    """Make the report of a run.

    Raises:
        RunFolderError: the cost of the models is missing.
    """
    run, recipe, splits = results.run, results.recipe, results.splits
    seed_runs = list(run.seeds_of(recipe).values())
    cost = _cost(run)
    models = {name: _model(name, results, cost) for name in results.seeds[results.best]}
    return Report(
        alambique=alambique.__version__,
        run_id=run.run_id(),
        recipe=recipe.model_dump(mode="json"),
        data=DataReport(
            rows={split.name: len(split) for split in splits},
            label_names=splits.label_names,
            ordinal=splits.ordinal,
            task=splits.task,
            label_counts=splits.counts(),
            notes=(
                *splits.notes,
                *_unlabelled(run, recipe),
                *vocabulary_notes(run, run.seeds_of(recipe)[results.best], recipe),
                *teacher_notes(run, recipe, splits.label_names),
                *_weakness(recipe, models, splits),
            ),
            findings=tuple(DataFinding.model_validate(finding) for finding in results.findings),
        ),
        models=models,
        soft_labels=SoftLabelReport.of(seed_runs, recipe),
        verdict=Verdict.model_validate(
            verdict(
                results.trainings,
                splits.test,
                results.task,
                students=recipe.student.seeds,
                over=results.stronger_twin,
                valid=splits.valid,
            )
        ),
        decision=decision_of(results),
        export=_export(run),
        seeds=Seeds(
            all=recipe.seeds,
            students=tuple(results.trainings),
            kept=results.best,
            chosen_by=f"valid {results.task.verdict_metric}",
        ),
        timings=_timings(run, seed_runs, splits, students=recipe.student.seeds),
        environment=Environment.model_validate(_environment() | {"gflops_matmul": cost["gflops_matmul"]}),
    )


def _model(name: str, results: RunResults, cost: dict[str, Any]) -> ModelReport:
    """One model's entry. A baseline has no calibration and no cost; further teachers are not timed."""
    splits, task = results.splits, results.task
    seeds, students = results.seeds, 1
    if name in (STUDENT, *twins(results.recipe, splits)):
        seeds, students = results.trainings, results.recipe.student.seeds
    scored = list(seeds.values())
    predictions = results.seeds[results.best][name]
    valid, test = (
        Quality.model_validate(
            figures(
                name,
                scored,
                split,
                task,
                ordinal=splits.ordinal,
                students=students,
                valid=splits.valid,
            )
        )
        for split in (splits.valid, splits.test)
    )
    of_labels = label_qualities(predictions, splits, task) if splits.task == MULTI_LABEL else ()
    if name in (TFIDF, MAJORITY):
        return ModelReport(
            parameters=predictions.parameters, bytes=predictions.size, valid=valid, test=test, labels=of_labels
        )
    timed = [model for model in MODELS if model in cost]
    fitted = tuple(Calibration.model_validate(values) for values in calibration(name, scored, splits, task))
    return ModelReport(
        parameters=predictions.parameters,
        bytes=predictions.size,
        valid=valid,
        test=test,
        labels=of_labels,
        temperature=fitted[list(seeds).index(results.best)].temperature,
        calibration=fitted,
        epochs=_epochs(name, results),
        latency_ms=Latency.model_validate(cost[name]["latency_ms"]) if name in timed else None,
        throughput_per_s=cost[name]["throughput_per_s"] if name in timed else None,
    )


def _epochs(name: str, results: RunResults) -> Epochs | None:
    """Planned and made epochs of a model; None where it was not trained here."""
    recipe, run = results.recipe, results.run
    folders = list(run.seeds_of(recipe).values())
    if name in (STUDENT, *twins(recipe, results.splits)):
        folders = [folder.student(number) for folder in folders for number in range(recipe.student.seeds)]
    planned = (folders[0].recorded_key(name).get("recipe") or {}).get("epochs")
    made = [epochs_made(folder.path / name) for folder in folders]
    known = tuple(epochs for epochs in made if epochs is not None)
    return Epochs(planned=planned, made=known) if planned is not None and len(known) == len(made) else None


def _cost(run: RunFolder) -> dict[str, Any]:
    cost = read_json(run.path / BENCHMARK / COST)
    if not isinstance(cost, dict):
        raise RunFolderError(
            f"{run.path / BENCHMARK} does not hold the cost of the models. Run alambique distill again."
        )
    return cost


def _export(run: RunFolder) -> ExportReport | None:
    """What was exported of the student in the folder, with a finding for each format that was refused."""
    facts = read_json(run.path / ONNX / EXPORT_FACTS)
    if not isinstance(facts, dict) or facts["student"] != recorded_digest(run.path / STUDENT):
        return None
    findings = _refusals({name: model for name, model in facts["models"].items() if model["file"] is None})
    return ExportReport.model_validate(
        {name: facts[name] for name in ("opset", "temperature", "inputs", "models")}
        | {"findings": findings, "thresholds": facts.get("thresholds")}
    )


def _refusals(models: dict[str, dict[str, Any]]) -> list[DataFinding]:
    """What to know of formats that have no file: they could not be made, or are too far from PyTorch."""
    findings = []
    unmade: dict[str, list[str]] = {}  # formats by what is wrong; usually one reason for all
    for name, model in models.items():
        problems = "; ".join(model["problems"])
        if model["parity"] is None:
            unmade.setdefault(problems, []).append(name)
            continue
        findings.append(DataFinding(
            code=f"{name}_refused",
            where="export",
            message=f"The {name} export of the student does not match PyTorch on valid, so it is refused: {problems}.",
            advice="Ship another format, or set the limit that is named, if you can do with less.",
        ))  # fmt: skip
    for problems, names in unmade.items():
        findings.append(DataFinding(
            code="not_exported",
            where="export",
            message=f"The student is not exported ({', '.join(names)}): {problems}.",
            advice="Its model in PyTorch is as good as it was. For ONNX, choose a student of another architecture; else set "
            "export.formats to [].",
        ))  # fmt: skip
    return findings


def _unlabelled(run: RunFolder, recipe: Recipe) -> list[str]:
    if recipe.data.unlabelled is None:
        return []
    rows = recorded_unlabelled(run)
    learnt = f"The student also learnt from {grouped(len(rows))} rows without labels, which the teacher labelled."
    return [f"{learnt} {grouped(rows.counts.read)} were read. {rows.counts.sentence()}"]


def _weakness(recipe: Recipe, models: dict[str, ModelReport], splits: Splits) -> list[str]:
    """Teachers that are weak and were allowed to be; with folds, of those after the first nobody was trained on all rows."""
    task, valid = TASKS[splits.task], splits.valid
    always = np.tile(task.constant(most_frequent(splits), len(splits.label_names)), (len(valid), 1))
    constant = task.score("accuracy", always, valid.labels)
    majority = models[MAJORITY].valid.accuracy.per_seed if MAJORITY in models else (constant,) * len(recipe.seeds)
    notes = []
    for number, settings in enumerate(recipe.teachers):
        name = teacher_folder(number)
        if settings.allow_weak and name in models:
            accuracy = models[name].valid.accuracy.per_seed
            if not all(a > b for a, b in zip(accuracy, majority, strict=True)):
                section = section_of(number, len(recipe.teachers))
                teacher = "The teacher" if section == TEACHER else model_title(name)
                notes.append(
                    f"{teacher} is no better on valid than always giving the most frequent label ({section}.allow_weak)."
                )
    return notes


def _timings(run: RunFolder, seed_runs: list[RunFolder], splits: Splits, *, students: int) -> dict[str, float]:
    """Seconds by stage, summed over seeds."""
    timings = {DATA: run.seconds(DATA) or 0.0}
    timings[BENCHMARK] = run.seconds(BENCHMARK) or 0.0
    if run.seconds(ONNX) is not None:
        timings[ONNX] = run.seconds(ONNX) or 0.0
    further = further_teachers(seed_runs[0])
    trained = [seed_run.student(number) for seed_run in seed_runs for number in range(students)]
    unlabelled = seed_runs[0].recorded_key(MIXED_LABELS)
    more = (MIXED_LABELS, UNDISTILLED_ONCE, f"{PREDICTIONS}/{UNDISTILLED_ONCE}") if unlabelled else ()
    for name in (*SEED_STAGES, *further, *(f"{PREDICTIONS}/{name}" for name in further), *more):
        if UNDISTILLED in name and not splits.labelled_train:
            continue
        # further trainings of the student have no teacher in their folders
        timings[name] = sum(folder.seconds(name) or 0.0 for folder in trained)
    return timings


def _environment() -> dict[str, Any]:
    accelerator = torch.accelerator.current_accelerator() if torch.accelerator.is_available() else None
    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else None
    return environment() | {
        "threads": torch.get_num_threads(), "accelerator": str(accelerator) if accelerator else None, "gpu": gpu,
    }  # fmt: skip
