"""The export stage: the student as ONNX files that do what PyTorch does, with all that is needed to use them."""

import json
import shutil
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from alambique.artefacts.predictions import read_scored
from alambique.artefacts.splits import Split, Splits
from alambique.errors import AlambiqueError, ModelError, ParityError
from alambique.evaluation.tasks import TASKS
from alambique.export.onnx import INPUTS, OPSET, export_graph
from alambique.export.parity import Parity, compare, int8_problems, onnx_problems, probe_problems, probe_rows
from alambique.export.quantization.search import Candidate, Quantizer, first_that_passes
from alambique.inference.onnx_model import OnnxModel
from alambique.inference.torch_model import predict_logits
from alambique.models.inputs import IDS, ModelInputs
from alambique.models.pretrained import load_finished
from alambique.models.tokenizer import load_tokenizer
from alambique.progress import Reporter
from alambique.recipe.recipe import Recipe
from alambique.recipe.sections import Export
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
TOKENIZER = "tokenizer.json"
_BESIDE = (TOKENIZER, "tokenizer_config.json", "config.json")


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
        ModelError: the student has no ``tokenizer.json``.
        ParityError: ``strict``, and a format does not pass.
    """
    wanted = tuple(formats)
    inputs = ExportInputs(
        student=run.artefact(STUDENT), train=splits.train, valid=splits.valid, limits=recipe.export,
        max_length=recipe.data.max_length, formats=wanted, task=splits.task, label_names=splits.label_names,
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
    if not (student / TOKENIZER).is_file():
        raise ModelError(f"{STUDENT}: {student} has no {TOKENIZER}, which the exported model would need.")
    for name in _BESIDE:
        if (student / name).is_file():
            shutil.copyfile(student / name, work / name)
    model = load_finished(student, key=STUDENT)
    pairs, own_tokenizer = inputs.train.second_segments() is not None, load_tokenizer(student, key=STUDENT)
    given = ModelInputs.of_export(model, own_tokenizer, max_length=inputs.max_length, pairs=pairs)
    gate = _Gate(inputs, model, own_tokenizer)
    tokenizer, graph = work / TOKENIZER, work / ONNX_FILES["onnx"]
    export_graph(model, graph, given)
    exported = OnnxModel(graph, tokenizer, given)
    parity = gate.parity(exported)
    problems = onnx_problems(parity, inputs.limits) + probe_problems(gate.probe_drift(exported), inputs.limits)
    exact = Candidate("fp32", graph.stat().st_size, parity, problems)
    models: dict[str, Any] = {}
    if "onnx" in inputs.formats:
        models["onnx"] = _entry("onnx", [exact])
    if "int8" in inputs.formats:
        quantizer = Quantizer(graph, tokenizer, given, inputs.train.segments(), task=gate.task)
        models["int8"] = _int8(work, gate, exact, quantizer)
    facts = {
        "label_names": inputs.label_names, "pairs": pairs, "max_length": inputs.max_length,
        **_input_facts(given), "opset": OPSET,
        "temperature": gate.task.fit_temperature(inputs.reference, inputs.valid.labels),
        "student": inputs.student.digest, "models": models, **gate.task.key(),
    }  # fmt: skip
    if exact.problems or "onnx" not in inputs.formats:
        graph.unlink()
    write_text(work / EXPORT_FACTS, json.dumps(facts, indent=2, ensure_ascii=False))
    return facts


def _input_facts(given: ModelInputs) -> dict[str, Any]:
    """What the graph is given; ``pad_id`` and ``inputs`` are what earlier versions read."""
    pad_id = (given.padding or {}).get(IDS, 0)
    names = [name for name in INPUTS if name in given.column_names]
    return {"pad_id": pad_id, "inputs": names, "model_inputs": given.as_dict()}


class _Gate:
    """Compares exported models with PyTorch on the whole of valid, in the batches that ``predict`` makes.

    Some further texts, which valid may lack, are compared one by one and in a mixed batch: empty, short, and cut.
    """

    def __init__(self, inputs: ExportInputs, model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> None:
        self.limits, self.valid, self.reference = inputs.limits, inputs.valid, inputs.reference
        self.task = TASKS[inputs.task]
        self.probes = probe_rows(self.valid.segments(), max_length=inputs.max_length)
        one_by_one = [predict_logits(model, tokenizer, [row], max_length=inputs.max_length) for row in self.probes]
        self.expected = self.task.probabilities(np.concatenate(one_by_one))

    def probe_drift(self, model: OnnxModel) -> float:
        """The largest difference of a probability from PyTorch's, on the further texts."""
        mixed = model.logits(self.probes)
        alone = np.concatenate([model.logits([row]) for row in self.probes])
        drifts = [np.abs(self.task.probabilities(logits) - self.expected).max() for logits in (mixed, alone)]
        return float(np.nan_to_num(max(drifts), nan=1.0))

    def parity(self, model: OnnxModel) -> Parity:
        logits = model.logits(self.valid.segments())
        return compare(logits, self.reference, self.valid.labels, margin=self.limits.confident_margin, task=self.task)

    def judge(self, model: OnnxModel) -> tuple[Parity, list[str]]:
        parity = self.parity(model)
        return parity, int8_problems(parity, self.limits)


def _int8(work: Path, gate: _Gate, exact: Candidate, quantizer: Quantizer) -> dict[str, Any]:
    """The entry of the int8 model, and its file if one passes; from an fp32 graph that is wrong none is made."""
    content, tried = (None, [exact]) if exact.problems else first_that_passes(quantizer, gate.judge)
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
        ParityError: a format of ``formats`` has no file.
    """
    failed = [name for name in formats if facts["models"][name]["file"] is None]
    if failed:
        told = "\n".join(f"{name}:\n{format_candidates(facts['models'][name])}" for name in failed)
        raise ParityError(
            "The exported student does not do on valid what it does in PyTorch, so it is not kept. This was tried:\n"
            f"{told}\nIf you can do with less, set those keys: alambique distill RECIPE --out RUN --set export.KEY=VALUE "
            "trains nothing again."
        )


def format_candidates(model: dict[str, Any]) -> str:
    """What was tried of a format, a line each with what is wrong."""
    return "\n".join(
        f"  {one['scheme']} ({one['bytes'] / 1e6:.1f} MB): {'; '.join(one['problems'])}"
        for one in (*model["tried"], model)
    )
