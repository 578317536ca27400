"""The export stage: the student as ONNX files that do what PyTorch does, with all that is needed to use them."""

import json
import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from alambique.artefacts.predictions import read_scored
from alambique.artefacts.splits import Splits
from alambique.errors import AlambiqueError, ModelError, ParityError
from alambique.evaluation.metrics import fit_temperature
from alambique.export.onnx import OPSET, export_graph
from alambique.export.parity import Parity, compare, int8_problems, onnx_problems
from alambique.export.quantization.search import Candidate, Quantizer, first_that_passes
from alambique.inference.onnx_model import OnnxModel, input_names, session
from alambique.models.pretrained import load_finished
from alambique.progress import Reporter
from alambique.recipe.recipe import Recipe
from alambique.recipe.sections import Export
from alambique.run.folder import RunFolder
from alambique.run.integrity import read_json, write_text
from alambique.run.layout import (
    EXPORT_FACTS,
    ONNX,
    ONNX_FILES,
    STUDENT,
)
from alambique.run.manifest import MANIFEST, Artefact

FORMATS = tuple(ONNX_FILES)
TOKENIZER = "tokenizer.json"
_BESIDE = (TOKENIZER, "tokenizer_config.json", "config.json")


def export_student(
    run: RunFolder,
    recipe: Recipe,
    student: Artefact,
    splits: Splits,
    reference: np.ndarray,
    formats: Iterable[str],
    *,
    strict: bool,
    reporter: Reporter,
) -> dict[str, Any]:
    """Write ``onnx/``: the files that pass the parity gate, tokenizer, config, and ``export.json``.

    Formats that stand there already, made from the same student and limits, stay.

    Args:
        run: where.
        recipe: its limits, and how texts are read.
        student: what to export.
        splits: train to calibrate on, valid to compare on.
        reference: the student's logits on valid in PyTorch, (rows, C).
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
    key = {
        "inputs": {"student": student.digest, "train": splits.train.digest, "valid": splits.valid.digest},
        "limits": recipe.export.model_dump(mode="json", exclude={"formats"}),
        "max_length": recipe.data.max_length,
    }
    before = (read_json(run.path / ONNX / MANIFEST) or {}).get("key") or {}
    there = (
        before.get("formats", [])
        if {**before, "formats": None} == {**json.loads(json.dumps(key)), "formats": None}
        else []
    )
    asked = [name for name in FORMATS if name in (*wanted, *there)]

    def make(work: Path) -> None:
        with reporter.stage("export") as step:
            step.start(len(asked))
            facts = _export(work, recipe, student, splits, reference, asked)
            if strict:
                refuse(facts, wanted)
            step.advance(len(asked))

    try:
        made = run.stage(ONNX, {**key, "formats": asked}, make)
    except AlambiqueError:
        run.discard(ONNX)
        raise
    kept = dict(json.loads((made.folder / EXPORT_FACTS).read_text("utf-8")))
    if strict:
        refuse(kept, wanted)
    return kept


def _export(
    work: Path, recipe: Recipe, student: Artefact, splits: Splits, reference: np.ndarray, formats: list[str]
) -> dict[str, Any]:
    if not (student.folder / TOKENIZER).is_file():
        raise ModelError(f"{STUDENT}: {student.folder} has no {TOKENIZER}, which the exported model would need.")
    for name in _BESIDE:
        if (student.folder / name).is_file():
            shutil.copyfile(student.folder / name, work / name)
    model = load_finished(student.folder, key=STUDENT)
    pairs, pad_id = splits.train.second_segments() is not None, int(model.config.pad_token_id or 0)
    tokenizer, options = work / TOKENIZER, {"max_length": recipe.data.max_length, "pad_id": pad_id}
    graph = work / ONNX_FILES["onnx"]
    export_graph(model, graph, token_types=pairs, max_length=recipe.data.max_length)
    gate = _Gate(recipe.export, splits, reference)
    parity = gate.parity(OnnxModel(graph, tokenizer, **options))
    exact = Candidate("fp32", graph.stat().st_size, parity, onnx_problems(parity, recipe.export))
    models: dict[str, Any] = {}
    if "onnx" in formats:
        models["onnx"] = _entry("onnx", [exact])
    if "int8" in formats:
        models["int8"] = _int8(work, gate, exact, Quantizer(graph, tokenizer, splits.train.segments(), **options))
    facts = {
        "label_names": splits.label_names, "pairs": pairs, **options, "inputs": input_names(session(graph)),
        "opset": OPSET, "temperature": fit_temperature(reference, splits.valid.labels), "student": student.digest,
        "models": models,
    }  # fmt: skip
    if exact.problems or "onnx" not in formats:
        graph.unlink()
    write_text(work / EXPORT_FACTS, json.dumps(facts, indent=2, ensure_ascii=False))
    return facts


class _Gate:
    """Compares exported models with PyTorch on the whole of valid, in the batches that ``predict`` makes."""

    def __init__(self, limits: Export, splits: Splits, reference: np.ndarray) -> None:
        self.limits, self.valid, self.reference = limits, splits.valid, reference

    def parity(self, model: OnnxModel) -> Parity:
        logits = model.logits(self.valid.segments())
        return compare(logits, self.reference, self.valid.labels, margin=self.limits.confident_margin)

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


def export_files(
    run: RunFolder, recipe: Recipe, splits: Splits, formats: Sequence[str], *, strict: bool, reporter: Reporter
) -> dict[str, Any]:
    """Export the run's student, compared with the logits on valid that the run keeps; see :func:`export_student`."""
    reference = read_scored(run, STUDENT, splits).logits["valid"]
    student = run.artefact(STUDENT)
    return export_student(run, recipe, student, splits, reference, formats, strict=strict, reporter=reporter)
