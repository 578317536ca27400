"""From the artefacts of a run to report.json, a page, the model card and a table; nothing is trained or scored here."""

import json
from typing import Any

from alambique.artefacts.predictions import read_seeds
from alambique.artefacts.splits import run_data
from alambique.evaluation.verdict import best_seed
from alambique.report.collect import gather
from alambique.report.details import gather_details
from alambique.report.html import html_page
from alambique.report.model_card import model_card
from alambique.run.folder import RunFolder
from alambique.run.integrity import write_text
from alambique.run.layout import MODEL_CARD, REPORT_HTML, REPORT_JSON

__all__ = ["best_seed", "gather", "model_card", "read_seeds", "run_data", "write_report"]


def write_report(run: RunFolder) -> dict[str, Any]:
    """Write report.json, report.html and README.md (the model card) of a run.

    Returns:
        The content of report.json.

    Raises:
        RunFolderError: the run is not complete.
    """
    report = gather(run)
    write_text(run.path / REPORT_JSON, json.dumps(report, indent=2, ensure_ascii=False) + "\n")
    write_text(run.path / MODEL_CARD, model_card(report))
    write_text(run.path / REPORT_HTML, html_page(report, gather_details(run, report["seeds"]["kept"])))
    return report
