"""From the artefacts of a run to report.json, the model card and a table; nothing is trained or scored here."""

import json
from typing import Any

from alambique.manifest import write_text
from alambique.report.card import model_card
from alambique.report.facts import best_seed, gather
from alambique.run import MODEL_CARD, REPORT_JSON, RunFolder

__all__ = ["best_seed", "gather", "model_card", "write_report"]


def write_report(run: RunFolder) -> dict[str, Any]:
    """Write report.json and README.md (the model card) of a run.

    Returns:
        The content of report.json.

    Raises:
        RunFolderError: the run is not complete.
    """
    report = gather(run)
    write_text(run.path / REPORT_JSON, json.dumps(report, indent=2, ensure_ascii=False) + "\n")
    write_text(run.path / MODEL_CARD, model_card(report))
    return report
