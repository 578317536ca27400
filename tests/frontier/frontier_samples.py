"""Points and results of a frontier, made up."""

from alambique.frontier.result import FormResult, FrontierResult, Machine, OnTest, Point, Reference
from alambique.report.parts import Interval


def around(mean, reach=0.02):
    return Interval(mean=mean, low=mean - reach, high=mean + reach)


def point(form, quality, latency, size, *, precision="int8", behind=None, **more):
    return Point(
        name=f"{form}, {precision}", form=form, precision=precision, runtime="int8" if precision == "int8" else "onnx",
        valid=around(quality), behind=behind, bytes=size, latency_ms=latency, latency_p99_ms=2 * latency,
        texts_per_s=5000 / latency, **more,
    )  # fmt: skip


POINTS = (
    point("6 layers", 0.62, 8.0, 90_000_000, precision="fp32", pareto=True),
    point("6 layers", 0.61, 4.0, 26_000_000, behind=around(0.01), pareto=True),
    point("3 layers, pruned", 0.60, 2.1, 9_400_000, behind=around(0.02, 0.03), pareto=True, within=True),
    point("3 layers", 0.60, 2.2, 17_000_000, behind=around(0.02, 0.03)),
    point("static", 0.45, 0.05, 8_500_000, behind=around(0.17), pareto=True, within=True),
    Point(name="1 layer, int8", form="1 layer", precision="int8", runtime="int8", refused=("macro-F1 falls by 0.02",)),
)


def result(**changes):
    values = {
        "alambique": "0", "recipe": "my <recipe>.yaml", "sets": ("data.max_rows=3000",), "budgets": ("10 MB",),
        "metric": "macro_f1", "valid_rows": 1284, "trainings": 1, "points": POINTS,
        "forms": (
            FormResult(name="6 layers", gain=around(0.01), helped="not shown", epochs=(4,)),
            FormResult(name="2 layers", failed="<the loss is not finite>"),
        ),
        "references": (
            Reference(name="teacher", valid=around(0.63), bytes=91_000_000, latency_ms=12.0, latency_p99_ms=15.0,
                      texts_per_s=300.0),
            Reference(name="tfidf", valid=around(0.5), bytes=900_000, latency_ms=1.0, latency_p99_ms=2.0,
                      texts_per_s=9000.0),
        ),
        "machine": Machine(processor="A processor", cores=2, system="Linux", rates=(70.0, 71.0, 69.0)),
        "choice": "3 layers, pruned, int8", "why": "the best on valid of those within the budget",
        "test": OnTest(student=around(0.58), teacher=around(0.61), undistilled=around(0.57)),
        "looked_at": ("3 layers, pruned",),
    }  # fmt: skip
    return FrontierResult(**values | changes)


def without_choice():
    return result(budgets=("5 MB", "1 ms"), choice=None, why=None, nearest="static, int8", test=None, looked_at=())
