"""Types of report.json, and its JSON Schema: ``python -m alambique.report.schema > docs/report.schema.json``. No torch.

Every figure is a fraction unless its description names a unit. What is not computed is null. A key with a default may be
missing in the report of an older version; this version writes all of them.
"""

import json
import sys
from collections.abc import Mapping
from functools import cached_property
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from alambique.report.recorded_recipe import RecordedRecipe


class Part(BaseModel):
    """A frozen part of the report that knows all of its keys."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", use_attribute_docstrings=True, json_schema_serialization_defaults_required=True
    )


class Interval(Part):
    """A figure with its 95 % interval."""

    mean: float
    """The figure itself; with several seeds, the mean over them."""
    low: float | None
    """Lower end of the 95 % interval; null if it is not computed."""
    high: float | None
    """Upper end of the 95 % interval; null if it is not computed."""


class Figure(Interval):
    """A figure with its 95 % interval and its value for each seed."""

    per_seed: tuple[float, ...]
    """The figure of each seed, in the order of `seeds.all`."""


class Quality(Part):
    """How good a model is on one split. A task of another kind may add figures, each with mean, interval and seeds."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, Figure | None] = Field(init=False)

    accuracy: Figure
    """Fraction of rows whose prediction is the label, 0 to 1."""
    macro_f1: Figure
    """Mean of F1 over the classes, 0 to 1."""
    expected_calibration_error: Figure | None
    """Gap between confidence and accuracy, 0 to 1, in 15 bins, before any temperature is applied."""
    agreement_with_teacher: Figure
    """Fraction of rows on which the model predicts the teacher's class, 0 to 1."""
    kl_to_teacher: Figure | None = None
    """Mean KL divergence from the teacher's probabilities to the model's, in nats."""
    mean_absolute_error: Figure | None = None
    """Mean distance between prediction and label, in steps of the label order; null if the labels have no order."""

    def figure(self, metric: str) -> Figure | None:
        """Return a figure by its key in report.json, None if it is not computed."""
        return dict(self).get(metric)


class Calibration(Part):
    """The temperature fitted for one seed."""

    temperature: float
    """What the logits are divided by; fitted on valid."""
    test_expected_calibration_error: float
    """Calibration error on test after the division, 0 to 1."""


class Latency(Part):
    """Time for a single text, tokenisation included."""

    p50: float | None
    """Median, in milliseconds."""
    p99: float | None
    """99th percentile, in milliseconds."""


class ModelReport(Part):
    """One model: its size, quality and cost."""

    parameters: int
    """Number of weights."""
    bytes: int | None
    """Size of the weights on disk, in bytes; null for a baseline, which is not stored."""
    valid: Quality
    """On valid, where every choice was made."""
    test: Quality
    """On test."""
    temperature: float | None = None
    """Temperature of the seed in `seeds.kept`, fitted on valid; null for a baseline."""
    calibration: tuple[Calibration, ...] | None = None
    """The fitted temperature of each seed, in the order of `seeds.all`; null for a baseline."""
    latency_ms: Latency | None = None
    """Time for a single text, in milliseconds; null for a baseline."""
    throughput_per_s: float | None = None
    """Texts per second in batches of 32; null for a baseline."""

    @property
    def median_latency_ms(self) -> float | None:
        """Median time for a single text in milliseconds, None if it was not measured."""
        return self.latency_ms.p50 if self.latency_ms is not None else None


class Gain(Part):
    """What distillation added: student minus undistilled student, on test."""

    metric: str
    """The quality compared: `macro_f1`."""
    mean: float
    """Difference as a fraction: 0.02 is two points."""
    low: float | None
    """Lower end of the 95 % interval; null if it is not computed."""
    high: float | None
    """Upper end of the 95 % interval; null if it is not computed."""
    per_seed: tuple[float, ...] = ()
    """The difference of each seed, in the order of `seeds.all`."""


class Retention(Part):
    """What the student has of the teacher's quality: student divided by teacher, on test."""

    metric: str
    """The quality compared: `macro_f1`."""
    mean: float | None
    """Ratio: 0.94 keeps 94 %. Null where the teacher's own figure is 0."""
    low: float | None
    """Lower end of the 95 % interval; null if it is not computed."""
    high: float | None
    """Upper end of the 95 % interval; null if it is not computed."""
    per_seed: tuple[float, ...] = ()
    """The ratio of each seed, in the order of `seeds.all`."""


class McNemar(Part):
    """McNemar's exact test of student and undistilled student on test, for one seed."""

    seed: int
    """The seed."""
    student_only_right: int
    """Rows that only the student gets right."""
    undistilled_only_right: int
    """Rows that only the undistilled student gets right."""
    p: float | None
    """Two-sided p-value; null if it is not computed."""


class Verdict(Part):
    """Whether distillation helped."""

    gain: Gain
    """Student minus undistilled student."""
    retention: Retention | None
    """Student divided by teacher."""
    helped: Literal["yes", "no", "not shown"]
    """The answer. `no`: it hurt. `not shown`: the rows and seeds at hand cannot tell the gain from chance."""
    rule: str | None = None
    """How `helped` follows from `gain`, in words."""
    counts: str | None = None
    """What the intervals cover: `rows and seeds`, or with one seed `rows only`."""
    mcnemar: tuple[McNemar, ...] = ()
    """A test for each seed, in the order of `seeds.all`."""


class DataFinding(Part):
    """Something to know about the data or an export that is not an error."""

    code: str
    """Short name that scripts may rely on."""
    where: str
    """Split or recipe key it is about, or `export`."""
    message: str
    """The finding in words."""
    advice: str
    """What to do about it, or why it may stay."""
    count: int | None = None
    """Number of rows; null if no rows are counted."""
    share: float | None = None
    """The same as a fraction of the split."""
    row_ids: tuple[str, ...] = ()
    """Ids of up to ten of these rows."""


class DataReport(Part):
    """The rows: how many, of which labels, and what was noticed."""

    rows: Mapping[str, int]
    """Number of rows by split: `train`, `valid`, `test`."""
    label_names: tuple[str, ...]
    """Name of each class, by index."""
    ordinal: bool = False
    """Whether the order of the names means something."""
    label_counts: Mapping[str, Mapping[str, int]]
    """Number of rows by split, then by label."""
    notes: tuple[str, ...]
    """What was done to the data, such as a split-off test set."""
    findings: tuple[DataFinding, ...]
    """What was noticed, such as duplicates or rows shared with train."""

    def count(self, split: str, label: str) -> int:
        """Return the number of rows of a label in a split."""
        return self.label_counts[split].get(label, 0)


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


class ExportCandidate(Part):
    """A way to make a file of one format, and how it did."""

    scheme: str
    """How the file was made, in words."""
    bytes: int
    """Size of the file, in bytes."""
    parity: ExportParity
    """Comparison with PyTorch."""
    problems: tuple[str, ...]
    """Why it was refused; empty if it was accepted."""


class ExportedModel(Part):
    """One format: the file, and how near it is to PyTorch."""

    file: str | None
    """Name of the file in `onnx/`; null if none was accepted."""
    scheme: str
    """How the file was made, in words; the last attempt if none was accepted."""
    bytes: int
    """Size of the file, in bytes."""
    parity: ExportParity
    """Comparison with PyTorch."""
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
    inputs: tuple[str, ...]
    """Names of the inputs, in order."""
    models: Mapping[str, ExportedModel]
    """By format: `onnx` (fp32), `int8`."""
    findings: tuple[DataFinding, ...]
    """One for each format that was refused."""


class Seeds(Part):
    """Which seeds were trained."""

    all: tuple[int, ...]
    """Every seed, in the order of each `per_seed`."""
    kept: int
    """The seed whose models are in `student/` and its fellows."""
    chosen_by: str
    """Split and metric by which that seed was chosen."""


class Environment(Part):
    """Versions and hardware."""

    python: str
    """Version of Python."""
    platform: str | None = None
    """Operating system."""
    processor: str | None = None
    """Processor architecture."""
    cpus: int | None = None
    """Number of logical processors."""
    versions: Mapping[str, str]
    """Version by package."""
    threads: int | None = None
    """Number of threads of torch."""
    accelerator: str | None = None
    """Accelerator of torch, such as `cuda`."""
    gpu: str | None = None
    """Name of the GPU."""
    gflops_matmul: float | None = None
    """Rate of 2048³ fp32 matrix multiplications on the processor, in GFLOP/s."""


class Report(Part):
    """Content of report.json."""

    alambique: str
    """Version of Alambique that wrote the report."""
    run_id: str
    """Id of the run."""
    recipe: Mapping[str, Any]
    """The recipe as resolved, with the keys of the version that wrote the report (`docs/recipe.md`)."""
    data: DataReport
    """The rows."""
    models: Mapping[str, ModelReport]
    """By name: `teacher`, `student`, `undistilled`, the baselines `tfidf` and `majority`; `teachers/NAME` for more
    teachers."""
    verdict: Verdict | None = None
    """Whether distillation helped; null if it is not computed."""
    export: ExportReport | None = None
    """Exported files of the student; null if there are none."""
    seeds: Seeds
    """Which seeds were trained."""
    timings: Mapping[str, float | None]
    """Seconds by stage, summed over seeds."""
    environment: Environment
    """Versions and hardware."""

    @cached_property
    def choices(self) -> RecordedRecipe:
        """The keys of the recipe that pages and tables show, typed.

        Raises:
            ValidationError: the recipe lacks one of them.
        """
        return RecordedRecipe.model_validate(self.recipe)

    @property
    def teacher(self) -> ModelReport:
        """The teacher; with several, the one in `teacher/`."""
        return self.models["teacher"]

    @property
    def student(self) -> ModelReport:
        """The distilled student."""
        return self.models["student"]

    @property
    def undistilled(self) -> ModelReport:
        """The undistilled student: same start and steps, hard labels only."""
        return self.models["undistilled"]

    @property
    def majority(self) -> ModelReport:
        """The baseline that always predicts the most frequent class."""
        return self.models["majority"]

    @property
    def several_seeds(self) -> bool:
        """Whether more than one seed was trained."""
        return len(self.seeds.all) > 1

    def to_json(self) -> str:
        """Return the text of report.json."""
        return json.dumps(self.model_dump(mode="json"), indent=2, ensure_ascii=False) + "\n"


class _PlainSchema(GenerateJsonSchema):
    """Leaves out titles that repeat the key, and defaults: every key is written."""

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ARG002 - the signature is pydantic's
        return False

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        return self.generate_inner(schema["schema"])


def json_schema() -> str:
    """Return the text of ``docs/report.schema.json``: JSON Schema 2020-12 of what this version writes."""
    schema = Report.model_json_schema(schema_generator=_PlainSchema, mode="serialization")
    return json.dumps({"$schema": GenerateJsonSchema.schema_dialect, **schema}, indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    sys.stdout.buffer.write(json_schema().encode())  # UTF-8 on every system
