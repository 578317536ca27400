"""One model in report.json: its size, quality and cost."""

from pydantic import ConfigDict, Field

from alambique.report.parts import CalibrationError, Figure, Part


class Quality(Part):
    """How good a model is on one split. A task of another kind may add figures, each with mean, interval and seeds."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, Figure | None] = Field(init=False)

    accuracy: Figure
    """Fraction of rows whose prediction is the label, 0 to 1."""
    macro_f1: Figure
    """Mean of F1 over the classes, 0 to 1."""
    expected_calibration_error: CalibrationError | None
    """Gap between confidence and accuracy, 0 to 1, in 15 bins, before any temperature is applied."""
    agreement_with_teacher: Figure
    """Fraction of rows on which the model predicts the teacher's class, 0 to 1."""
    kl_to_teacher: Figure | None = None
    """Mean KL divergence from the teacher's probabilities to the model's, in nats."""
    quadratic_weighted_kappa: Figure | None = None
    """Cohen's kappa with quadratic weights, -1 to 1; null if the labels have no order."""
    mean_absolute_error: Figure | None = None
    """Mean distance between prediction and label, in steps of the label order; null if the labels have no order."""

    def figure(self, metric: str) -> Figure | None:
        """Return a figure by its key in report.json, None if it is not computed."""
        return dict(self).get(metric)


class LabelQuality(Part):
    """One label on test, where rows have any number of labels, at the threshold chosen on valid."""

    label: str
    """Its name."""
    threshold: float
    """The probability from which it is given."""
    rows: int
    """Number of rows of test that have it."""
    given: int
    """Number of rows of test that it is given to."""
    precision: float | None
    """Fraction of these that have it; null if it is given to none."""
    recall: float | None
    """Fraction of the rows with it that it is given to; null if there are none."""
    f1: Figure | None
    """F1, with its interval over rows; null if no row has it."""
    average_precision: float | None
    """Average precision of its probability; null if no row has it."""
    expected_calibration_error: float
    """Gap between its probability and the fraction of rows with it, 0 to 1, in 15 bins."""
    if_calibrated: float
    """What a calibrated model shows on as many rows."""


class Calibration(Part):
    """The temperature fitted for one seed."""

    temperature: float
    """What the logits are divided by; fitted on valid."""
    test_expected_calibration_error: float
    """Calibration error on test after the division, 0 to 1."""
    if_calibrated: float | None = None
    """What a calibrated model of that confidence shows on as many rows, 0 to 1."""


class Epochs(Part):
    """How long a model was trained."""

    planned: int
    """Most epochs, as the recipe has them."""
    made: tuple[int, ...]
    """Epochs of each training, in the order of `per_seed`; fewer than planned where patience ended it."""

    @property
    def words(self) -> str:
        """Return the epochs as ``6 of 6``, or of several trainings that differ as ``9, 12, 10 of 30``."""
        made = self.made[:1] if len(set(self.made)) == 1 else self.made
        return f"{', '.join(map(str, made))} of {self.planned}"


class Latency(Part):
    """Time for a single text, tokenisation included."""

    p50: float | None
    """Median, in milliseconds."""
    p99: float | None
    """99th percentile, in milliseconds."""


class ModelReport(Part):
    """One model: its size, quality and cost."""

    parameters: int | None
    """Number of weights; null for a teacher that is known by its answers alone."""
    bytes: int | None
    """Size of the weights on disk, in bytes; null for a baseline, which is not stored, and for such a teacher."""
    valid: Quality
    """On valid, where every choice was made: figures of the epoch that is best there, so they flatter."""
    test: Quality
    """On test."""
    labels: tuple[LabelQuality, ...] = ()
    """Each label on test, of the seed in `seeds.kept`; empty where a row has one label."""
    temperature: float | None = None
    """Temperature of the seed in `seeds.kept`, fitted on valid; null for a baseline."""
    calibration: tuple[Calibration, ...] | None = None
    """The fitted temperature of each training, in the order of `per_seed`; null for a baseline."""
    epochs: Epochs | None = None
    """Planned and made epochs; null for a baseline, or a model that was not trained in this run."""
    latency_ms: Latency | None = None
    """Time for a single text, in milliseconds; null for baselines, further teachers and a teacher known by its answers."""
    throughput_per_s: float | None = None
    """Texts per second in batches of 32; null where the latency is."""

    @property
    def median_latency_ms(self) -> float | None:
        """Median time for a single text in milliseconds, None if it was not measured."""
        return self.latency_ms.p50 if self.latency_ms is not None else None
