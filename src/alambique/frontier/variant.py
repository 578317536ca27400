"""A student in one precision: the file that would be shipped, how it is run, and what it gives for valid."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from alambique.artefacts.predictions import weight_bytes
from alambique.artefacts.tokens import Segments
from alambique.inference.classifier import TOKENIZER
from alambique.inference.onnx_model import OnnxModel
from alambique.inference.static_student import StaticModel
from alambique.inference.torch_model import open_in_torch
from alambique.models.inputs import ModelInputs
from alambique.run.folder import RunFolder
from alambique.run.integrity import read_json
from alambique.run.layout import EXPORT_FACTS, ONNX, ONNX_FILES, STUDENT
from alambique.run.manifest import recorded_digest
from alambique.trials.on_valid import OnValid

Precision = Literal["fp32", "int8"]
Runtime = Literal["onnx", "int8", "numpy", "torch"]  # as alambique predict --model names them
Logits = Callable[[Segments], np.ndarray]


@dataclass(frozen=True)
class Variant:
    """A student in one precision.

    Attributes:
        precision: of its weights.
        runtime: what runs it.
        place: the run, or the part of one, that holds the student of the training that would be shipped.
        on_valid: its logits of each training; None where it is refused.
        refused: what is wrong with it, if it did not pass the parity gate.
        max_length: where texts are cut, in tokens.
    """

    precision: Precision
    runtime: Runtime
    place: RunFolder
    on_valid: OnValid | None
    refused: tuple[str, ...]
    max_length: int

    @property
    def digest(self) -> str:
        """What it is made of."""
        return f"{self.runtime} {recorded_digest(self._folder)}"

    @property
    def bytes(self) -> int:
        """Of the weights and the tokenizer: what has to be where it runs."""
        weights = weight_bytes(self._folder) if self._file is None else self._file.stat().st_size
        return shipped_bytes(self._folder, weights)

    def open(self) -> Logits:
        """Load it: from one or two segments per text to logits, (texts, C)."""
        if self.runtime == "torch":
            return in_torch(self._folder, self.max_length)
        if self.runtime == "numpy":
            return StaticModel(self._folder, max_length=self.max_length).logits
        return exported(self.place, self.runtime)

    @property
    def _folder(self) -> Path:
        return self.place.path / (ONNX if self._file is not None else STUDENT)

    @property
    def _file(self) -> Path | None:
        name = ONNX_FILES.get(self.runtime)
        return None if name is None else self.place.path / ONNX / name


def exported(place: RunFolder, runtime: str) -> Logits:
    """A file that a student was exported to, opened."""
    folder = place.path / ONNX
    inputs = ModelInputs.recorded(read_json(folder / EXPORT_FACTS))
    return OnnxModel(folder / ONNX_FILES[runtime], folder / TOKENIZER, inputs).logits


def in_torch(folder: Path, max_length: int) -> Logits:
    """A saved model, opened in PyTorch."""
    return open_in_torch(folder, key=folder.name, max_length=max_length)[0]


def shipped_bytes(folder: Path, weights: int) -> int:
    """Bytes of what has to be where a model runs: its weights, and the tokenizer in its folder."""
    tokenizer = folder / TOKENIZER
    return weights + (tokenizer.stat().st_size if tokenizer.is_file() else 0)
