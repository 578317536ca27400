"""The exported files in report.json: how near each is to PyTorch."""

from collections.abc import Mapping

from alambique.report.parts import DataFinding, Interval, Part


class ExportedLabel(Part):
    """How near an exported model is to PyTorch on valid, for one label."""

    label: str
    """Its name."""
    mean_drift: float
    """Mean absolute difference of its probability."""
    confident: int
    """Number of rows whose probability in PyTorch is half of `export.confident_margin` or more away from the threshold."""
    agreement: float | None
    """Fraction of these with the same decision, 0 to 1; null if there are none."""
    f1_drop: Interval
    """F1 of PyTorch minus that of the exported model, with a 95 % interval over rows."""


class ExportParity(Part):
    """How near an exported model is to PyTorch on valid."""

    rows: int
    """Number of rows compared."""
    agreement: float
    """Fraction of rows with the same label, 0 to 1."""
    max_drift: float
    """Largest difference of a probability."""
    mean_drift: float
    """Mean absolute difference of the probabilities, over rows and labels."""
    confident_rows: int
    """Number of rows whose two best probabilities in PyTorch differ by `export.confident_margin` or more."""
    confident_agreement: float | None
    """Fraction of the confident rows with the same label, 0 to 1; null if there are none."""
    macro_f1: float
    """Macro-F1 of the exported model, 0 to 1."""
    macro_f1_drop: Interval
    """Macro-F1 of PyTorch minus that of the exported model, with a 95 % interval over rows."""
    labels: tuple[ExportedLabel, ...] = ()
    """Each label alone, where rows have any number of labels; else empty."""


class ExportCandidate(Part):
    """A way to make a file of one format, and how it did."""

    scheme: str
    """How the file was made, in words."""
    bytes: int | None
    """Size of the file, in bytes; null if none could be made."""
    parity: ExportParity | None
    """Comparison with PyTorch; null if there was nothing to compare."""
    problems: tuple[str, ...]
    """Why it was refused; empty if it was accepted."""


class ExportedModel(Part):
    """One format: the file, and how near it is to PyTorch."""

    file: str | None
    """Name of the file in `onnx/`; null if none was accepted."""
    scheme: str
    """How the file was made, in words; the last attempt if none was accepted."""
    bytes: int | None
    """Size of the file, in bytes; null if none could be made."""
    parity: ExportParity | None
    """Comparison with PyTorch; null if there was nothing to compare."""
    problems: tuple[str, ...]
    """Why it was refused; empty if it was accepted."""
    tried: tuple[ExportCandidate, ...]
    """Attempts that were refused before."""


class ExportReport(Part):
    """The exported files of the student."""

    opset: int
    """ONNX opset."""
    temperature: float
    """What the logits are divided by for calibrated probabilities."""
    thresholds: Mapping[str, float] | None = None
    """By label, the probability from which it is given, chosen on valid; null where the most probable label is decided."""
    inputs: tuple[str, ...]
    """Names of the inputs, in order."""
    models: Mapping[str, ExportedModel]
    """By format: `onnx` (fp32), `int8`."""
    findings: tuple[DataFinding, ...]
    """Why formats have no file: one for each that was refused, one for those that could not be made."""
