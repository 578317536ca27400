"""How long the models were trained, in words."""

from alambique.report.names import model_title
from alambique.report.schema import Report


def epochs_sentence(report: Report) -> str:
    """Say how many epochs each model made of those planned; empty if it is not known of any.

    Where the student stopped early, its twin did too, and the sentence says so.
    """
    trained = {name: model.epochs for name, model in report.models.items() if model.epochs is not None}
    if not trained:
        return ""
    each = "; ".join(f"{model_title(name)} {epochs.words}" for name, epochs in trained.items())
    student = trained.get("student")
    early = student is not None and min(student.made) < student.planned and "undistilled" in trained
    twin = " (the same steps and learning rates as its student, which stopped early)" if early else ""
    return f"Epochs made of those planned: {each}{twin}."
