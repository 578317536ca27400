"""The export of a student tried out before it is trained: it depends on the architecture, hardly on the weights."""

import copy
from pathlib import Path
from tempfile import TemporaryDirectory

from transformers import PreTrainedModel, PreTrainedTokenizerBase

from alambique.artefacts.splits import Split
from alambique.errors import ExportError
from alambique.evaluation.task import Task
from alambique.export.onnx import export_graph
from alambique.export.parity import probe_problems
from alambique.export.probes import Probes
from alambique.export.refusal import refused_by_a_library
from alambique.findings import Finding
from alambique.inference.onnx_model import OnnxModel
from alambique.models.inputs import ModelInputs
from alambique.models.tokenizer import no_tokenizer_json, save_tokenizer
from alambique.recipe.sections import Export

NOT_EXPORTED = "not-exported"
TOKENIZER = "tokenizer.json"
_ADVICE = (
    "The student can be trained all the same and be used in PyTorch. For ONNX, choose a student of another architecture; "
    "else set export.formats to []."
)


def try_export(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, split: Split, limits: Export, task: Task, *,
    max_length: int,
) -> Finding | None:  # fmt: skip
    """Export an untrained student, run it, and compare a few texts with PyTorch; nothing of it stays.

    The fp32 file alone is tried. It takes seconds for small models, and about as long as the stage does for large ones.

    Args:
        model: a classifier; it is not changed.
        tokenizer: its own.
        split: rows of the data.
        limits: how far the file may be from PyTorch.
        task: how logits become probabilities.
        max_length: where texts are cut, in tokens.

    Returns:
        What will be refused, or None.
    """
    lacking = no_tokenizer_json(tokenizer, where="student")
    if lacking is not None:
        return lacking
    model = copy.deepcopy(model).cpu().eval()
    with TemporaryDirectory() as folder:
        try:
            with refused_by_a_library(f"a {type(model).__name__} cannot be exported to ONNX", Path(folder)):
                drift = _drift(model, tokenizer, split, task, Path(folder), max_length=max_length)
        except ExportError as error:
            return Finding(NOT_EXPORTED, "student", f"The export was tried: {error}.", _ADVICE)
    problems = probe_problems(drift, limits)
    if not problems:
        return None
    message = (
        f"The export of a {type(model).__name__} was tried, untrained, and is not what PyTorch does: {problems[0]}."
    )
    return Finding(NOT_EXPORTED, "student", message, _ADVICE)


def _drift(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, split: Split, task: Task, folder: Path, *,
    max_length: int,
) -> float:  # fmt: skip
    save_tokenizer(tokenizer, folder)
    pairs = split.second_segments() is not None
    given = ModelInputs.of_export(model, tokenizer, max_length=max_length, pairs=pairs)
    probes = Probes(model, tokenizer, split.segments(), task, max_length=max_length)
    export_graph(model, folder / "model.onnx", given)
    return probes.drift(OnnxModel(folder / "model.onnx", folder / TOKENIZER, given))
