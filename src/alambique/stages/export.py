"""The export stage: the student as ONNX files that do what PyTorch does, with all that is needed to use them."""

import json
import math
import shutil
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from alambique.artefacts.predictions import read_scored
from alambique.artefacts.splits import MULTI_LABEL, Split, Splits
from alambique.errors import AlambiqueError, ExportError, ParityError
from alambique.evaluation.task import Task
from alambique.evaluation.tasks import TASKS, task_named
from alambique.export.label_parity import compare_label_sets
from alambique.export.onnx import INPUTS, OPSET, export_graph
from alambique.export.parity import Parity, compare, int8_problems, onnx_problems, probe_problems
from alambique.export.probes import Probes
from alambique.export.quantization.search import Candidate, Quantizer, first_that_passes
from alambique.export.refusal import refused_by_a_library
from alambique.export.trial import TOKENIZER
from alambique.inference.onnx_model import OnnxModel
from alambique.models.inputs import IDS, ModelInputs
from alambique.models.pretrained import load_finished
from alambique.models.tokenizer import load_tokenizer
from alambique.progress import Reporter
from alambique.recipe.decide import Decide
from alambique.recipe.recipe import Recipe
from alambique.recipe.sections import Export
from alambique.recipe.verdict import Verdict
from alambique.run.folder import RunFolder
from alambique.run.integrity import write_text
from alambique.run.layout import (
    EXPORT_FACTS,
    ONNX,
    ONNX_FILES,
    STUDENT,
)
from alambique.run.manifest import Artefact
from alambique.run.stage import Inputs, Stage, derived, keyed

FORMATS = tuple(ONNX_FILES)
_BESIDE = (TOKENIZER, "tokenizer_config.json", "config.json")


def _decide_key(decide: Decide | None) -> dict[str, Any]:
    return {} if decide is None or decide == Decide() else {"decide": decide.model_dump()}


@dataclass(frozen=True)
class ExportInputs(Inputs):
    """The student, the rows it is calibrated on and compared on, and the limits it must keep."""

    student: Artefact = keyed("inputs", "student", value=lambda student: student.digest)
    train: Split = keyed("inputs", "train", value=lambda split: split.digest)
    valid: Split = keyed("inputs", "valid", value=lambda split: split.digest)
    limits: Export = keyed("limits", value=lambda limits: limits.model_dump(mode="json", exclude={"formats"}))
    max_length: int = keyed("max_length")
    formats: tuple[str, ...] = keyed("formats", value=list)
    task: str = keyed(value=lambda task: TASKS[task].key())
    decide: Decide | None = keyed(value=_decide_key)
    label_names: tuple[str, ...] = derived("student")
    reference: np.ndarray = derived("student", "valid")  # the student's logits on valid in PyTorch, (rows, C)


def export_student(
    run: RunFolder, recipe: Recipe, splits: Splits, formats: Iterable[str], *, strict: bool, reporter: Reporter
) -> dict[str, Any]:
    """Write ``onnx/``: the files that pass the parity gate, tokenizer, config, and ``export.json``.

    Formats that stand there already, made from the same student and limits, stay.

    Args:
        run: where; its student is exported, and compared with the logits on valid that the run holds.
        recipe: its limits, and how texts are read.
        splits: train to calibrate on, valid to compare on.
        formats: ``onnx`` (fp32), ``int8``.
        strict: a format that does not pass is an error, and nothing is kept of this attempt.
        reporter: where progress goes.

    Returns:
        The content of ``export.json``; its ``models`` maps each format to its file (None if none passed), bytes, parity and
        problems.

    Raises:
        ExportError: ``strict``, and a format cannot be made.
        ParityError: ``strict``, and a format does not pass.
    """
    wanted = tuple(formats)
    inputs = ExportInputs(
        student=run.artefact(STUDENT), train=splits.train, valid=splits.valid, limits=recipe.export,
        max_length=recipe.data.max_length, formats=wanted, task=splits.task, decide=recipe.decide,
        label_names=splits.label_names,
        reference=read_scored(run, STUDENT, splits).logits["valid"],
    )  # fmt: skip
    exported = _exported_before(run, inputs)
    inputs = replace(inputs, formats=tuple(name for name in FORMATS if name in (*wanted, *exported)))
    try:
        made = Stage(ONNX, partial(_make, required=wanted if strict else ())).run(run, inputs, reporter)
    except AlambiqueError:
        run.discard(ONNX)
        raise
    facts = dict(json.loads((made.folder / EXPORT_FACTS).read_text("utf-8")))
    if strict:
        refuse(facts, wanted)
    return facts


def _exported_before(run: RunFolder, inputs: ExportInputs) -> list[str]:
    """The formats in ``onnx/``, if they were made from the same student and limits."""
    before = run.recorded_key(ONNX)
    now = json.loads(json.dumps(inputs.key()))
    return list(before.get("formats", [])) if {**before, "formats": None} == {**now, "formats": None} else []


def _make(inputs: ExportInputs, work: Path, reporter: Reporter, *, required: tuple[str, ...]) -> None:
    with reporter.stage("export") as step:
        step.start(len(inputs.formats))
        facts = _export(work, inputs)
        refuse(facts, required)
        step.advance(len(inputs.formats))


def _export(work: Path, inputs: ExportInputs) -> dict[str, Any]:
    student = inputs.student.folder
    for name in _BESIDE:
        if (student / name).is_file():
            shutil.copyfile(student / name, work / name)
    model = load_finished(student, key=STUDENT)
    pairs, own_tokenizer = inputs.train.second_segments() is not None, load_tokenizer(student, key=STUDENT)
    given = ModelInputs.of_export(model, own_tokenizer, max_length=inputs.max_length, pairs=pairs)
    task, graph = _task(inputs), work / ONNX_FILES["onnx"]
    models: dict[str, Any] = {}
    try:
        _need_tokenizer_json(student, own_tokenizer)
        with refused_by_a_library(f"a {type(model).__name__} cannot be exported to ONNX", work):
            gate = _Gate(inputs, model, own_tokenizer)
            export_graph(model, graph, given)
            exact = gate.exact(graph, OnnxModel(graph, work / TOKENIZER, given))
    except ExportError as error:
        exact = Candidate.of_none("fp32", error)
        models = {name: _entry(name, [exact]) for name in inputs.formats}
    else:
        if "onnx" in inputs.formats:
            models["onnx"] = _entry("onnx", [exact])
        if "int8" in inputs.formats:
            models["int8"] = _int8(work, gate, exact, given)
    facts = {
        "label_names": inputs.label_names, "pairs": pairs, "max_length": inputs.max_length,
        **_input_facts(given), "opset": OPSET,
        "temperature": task.fit_temperature(inputs.reference, inputs.valid.labels),
        "student": inputs.student.digest, "models": models, **task.key(),
    }  # fmt: skip
    thresholds = task.shipped_thresholds(inputs.reference, inputs.valid.labels)
    if thresholds is not None:
        of_labels = zip(inputs.label_names, thresholds.tolist(), strict=True)
        facts["thresholds"] = {name: threshold for name, threshold in of_labels if not math.isnan(threshold)}
    if exact.problems or "onnx" not in inputs.formats:
        graph.unlink(missing_ok=True)
    write_text(work / EXPORT_FACTS, json.dumps(facts, indent=2, ensure_ascii=False))
    return facts


def _need_tokenizer_json(student: Path, tokenizer: PreTrainedTokenizerBase) -> None:
    if not (student / TOKENIZER).is_file():
        raise ExportError(
            f"its tokenizer, a {type(tokenizer).__name__}, has no {TOKENIZER}, which the model would need"
        )


def _input_facts(given: ModelInputs) -> dict[str, Any]:
    """What the graph is given; ``pad_id`` and ``inputs`` are what earlier versions read."""
    pad_id = (given.padding or {}).get(IDS, 0)
    names = [name for name in INPUTS if name in given.column_names]
    return {"pad_id": pad_id, "inputs": names, "model_inputs": given.as_dict()}


def _task(inputs: ExportInputs) -> Task:
    return task_named(inputs.task, inputs.label_names, Verdict(), inputs.decide)


class _Gate:
    """Compares exported models with PyTorch on the whole of valid, in the batches that ``predict`` makes, and on probes."""

    def __init__(self, inputs: ExportInputs, model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> None:
        self.limits, self.valid, self.reference = inputs.limits, inputs.valid, inputs.reference
        self.train, self.task, self.names = inputs.train, _task(inputs), inputs.label_names
        self.several = inputs.task == MULTI_LABEL
        self.probes = Probes(model, tokenizer, self.valid.segments(), self.task, max_length=inputs.max_length)

    def exact(self, graph: Path, model: OnnxModel) -> Candidate:
        """The fp32 file, judged."""
        parity = self.parity(model)
        problems = onnx_problems(parity, self.limits) + probe_problems(self.probes.drift(model), self.limits)
        return Candidate("fp32", graph.stat().st_size, parity, problems)

    def parity(self, model: OnnxModel) -> Parity:
        logits = model.logits(self.valid.segments())
        if self.several:
            margin = self.limits.confident_margin
            return compare_label_sets(
                logits, self.reference, self.valid.labels, self.names, margin=margin, task=self.task
            )
        return compare(logits, self.reference, self.valid.labels, margin=self.limits.confident_margin, task=self.task)

    def judge(self, model: OnnxModel) -> tuple[Parity, list[str]]:
        parity = self.parity(model)
        return parity, int8_problems(parity, self.limits)


def _int8(work: Path, gate: _Gate, exact: Candidate, given: ModelInputs) -> dict[str, Any]:
    """The entry of the int8 model, and its file if one passes; from an fp32 graph that is wrong none is made."""
    if exact.problems:
        return _entry("int8", [exact])
    try:
        with refused_by_a_library("it cannot be made in whole numbers", work):
            graph, tokenizer = work / ONNX_FILES["onnx"], work / TOKENIZER
            quantizer = Quantizer(graph, tokenizer, given, gate.train.segments(), task=gate.task)
        content, tried = first_that_passes(quantizer, gate.judge, work)
    except ExportError as error:
        content, tried = None, [Candidate.of_none("int8", error)]
    path = work / ONNX_FILES["int8"]
    path.unlink(missing_ok=True)
    if content is not None:
        path.write_bytes(content)
    return _entry("int8", tried)


def _entry(name: str, tried: list[Candidate]) -> dict[str, Any]:
    """A format's last attempt, and those that were refused before it."""
    *refused, last = (attempt.as_dict() for attempt in tried)
    return {"file": None if last["problems"] else ONNX_FILES[name], **last, "tried": refused}


def refuse(facts: dict[str, Any], formats: Iterable[str]) -> None:
    """Name what was tried, with its figures, where none of it passed.

    Raises:
        ExportError: a format of ``formats`` could not be made at all.
        ParityError: a format of ``formats`` has no file.
    """
    failed = {name: facts["models"][name] for name in formats if facts["models"][name]["file"] is None}
    reasons = [problem for model in failed.values() for problem in model["problems"]]
    if failed and not any(attempt["parity"] for model in failed.values() for attempt in (model, *model["tried"])):
        raise ExportError(
            f"The student is not exported ({', '.join(failed)}): {'; '.join(dict.fromkeys(reasons))}. Its model in PyTorch "
            "is as good as it was."
        )
    if failed:
        attempts = "\n".join(f"{name}:\n{format_candidates(model)}" for name, model in failed.items())
        raise ParityError(
            "The exported student does not do on valid what it does in PyTorch, so it is not kept. This was tried:\n"
            f"{attempts}\nIf you can do with less, set those keys: alambique distill RECIPE --out RUN --set "
            "export.KEY=VALUE trains nothing again."
        )


def format_candidates(model: dict[str, Any]) -> str:
    """What was tried of a format, a line each with what is wrong."""
    return "\n".join(
        f"  {attempt['scheme']} ({_megabytes(attempt['bytes'])}): {'; '.join(attempt['problems'])}"
        for attempt in (*model["tried"], model)
    )


def _megabytes(count: int | None) -> str:
    return "no file" if count is None else f"{count / 1e6:.1f} MB"
