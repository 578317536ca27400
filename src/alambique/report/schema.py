"""Types of report.json, and its JSON Schema: ``python -m alambique.report.schema > docs/report.schema.json``. No torch.

Every figure is a fraction unless its description names a unit. What is not computed is null. A key with a default may be
missing in the report of an older version; this version writes all of them.
"""

import json
import sys
from collections.abc import Mapping
from functools import cached_property
from typing import Any

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from alambique.report.decision_parts import Decision
from alambique.report.export_report import ExportReport
from alambique.report.model_report import ModelReport
from alambique.report.parts import DataFinding, Part
from alambique.report.recorded_recipe import RecordedRecipe
from alambique.report.soft_label_report import SoftLabelReport
from alambique.report.verdict_report import Verdict


class DataReport(Part):
    """The rows: how many, of which labels, and what was noticed."""

    rows: Mapping[str, int]
    """Number of rows by split: `train`, `valid`, `test`."""
    label_names: tuple[str, ...]
    """Name of each class, by index."""
    ordinal: bool = False
    """Whether the order of the names means something."""
    task: str = "single_label"
    """`single_label`: a row has one label; `multi_label`: a row has any number of labels, from none."""
    label_counts: Mapping[str, Mapping[str, int]]
    """Number of rows by split, then by label; empty for a train without labels."""
    notes: tuple[str, ...]
    """What was done to the data, such as a split-off test set."""
    findings: tuple[DataFinding, ...]
    """What was noticed, such as duplicates or rows shared with train."""

    @property
    def several(self) -> bool:
        """Whether a row has any number of labels."""
        return self.task == "multi_label"

    @property
    def labelled_train(self) -> bool:
        """Whether train has labels."""
        return bool(self.label_counts["train"])

    def count(self, split: str, label: str) -> int:
        """Return the number of rows of a label in a split."""
        return self.label_counts[split].get(label, 0)


class Seeds(Part):
    """Which seeds were trained."""

    all: tuple[int, ...]
    """Every seed, in the order of each `per_seed` of a teacher or baseline."""
    students: tuple[int, ...] = ()
    """Seed of every training of student and undistilled student, in the order of their `per_seed`: of each seed in `all` so
    many as `student.seeds` of the recipe."""
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
    """By name: `teacher`, `student`, `undistilled`, the baselines `tfidf` and `majority`; `teachers/NAME` for further
    teachers that labelled train. Where train has no labels, `teacher` and `student` alone."""
    soft_labels: SoftLabelReport | None = None
    """How train was labelled; null for a run of version 0.1."""
    verdict: Verdict | None = None
    """Whether distillation helped; null if it is not computed."""
    decision: Decision | None = None
    """How the student decides for the class that `decide` names; null without it."""
    export: ExportReport | None = None
    """Exported files of the student; null if there are none."""
    seeds: Seeds
    """The seeds, and which of them is in `student/`."""
    timings: Mapping[str, float | None]
    """Seconds by stage, summed over seeds; further teachers are stages too, as `teachers/NAME`."""
    environment: Environment
    """Versions of the packages, and the machine."""

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
    def undistilled(self) -> ModelReport | None:
        """The undistilled student that the gain is over: same start, hard labels only. None where train has no labels."""
        gain = None if self.verdict is None else self.verdict.gain
        return self.models.get("undistilled" if gain is None else gain.over)

    @property
    def majority(self) -> ModelReport | None:
        """The baseline that always predicts the most frequent class of train; None where train has no labels."""
        return self.models.get("majority")

    @property
    def several_seeds(self) -> bool:
        """Whether more than one seed was trained."""
        return len(self.seeds.all) > 1

    @property
    def students_per_seed(self) -> int:
        """Trainings of student and undistilled student per seed."""
        return max(1, len(self.seeds.students) // len(self.seeds.all))

    @property
    def kept_training(self) -> int:
        """Place in ``per_seed`` of the student that is in `student/`."""
        return self.seeds.all.index(self.seeds.kept) * self.students_per_seed

    @property
    def means_over(self) -> str:
        """Say what the figures are means over, as ``3 seeds``; empty with one training of each model."""
        seeds = f"{len(self.seeds.all)} seeds"
        if self.students_per_seed == 1:
            return seeds if self.several_seeds else ""
        trained = "the student" if self.undistilled is None else "student and undistilled student"
        students = f"{self.students_per_seed} trainings of {trained}"
        return f"{seeds}, each with {students}" if self.several_seeds else students

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
