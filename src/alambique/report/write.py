"""The report of a run, written: report.json, report.html and the model card."""

from alambique.artefacts.splits import Split
from alambique.artefacts.tokens import read_uncut_lengths, tokenize_rows
from alambique.models.tokenizer import load_tokenizer
from alambique.report.collect import collect_report
from alambique.report.details import collect_details
from alambique.report.html import html_page
from alambique.report.model_card import model_card
from alambique.report.results import read_results
from alambique.report.schema import Report
from alambique.run.folder import RunFolder
from alambique.run.integrity import write_text
from alambique.run.layout import MODEL_CARD, REPORT_HTML, REPORT_JSON, STUDENT, TEACHER, TOKENS


def write_report(run: RunFolder) -> Report:
    """Write report.json, report.html and README.md (the model card) of a run.

    Raises:
        RunFolderError: the run is not complete.
    """
    results = read_results(run)
    report = collect_report(results)
    write_text(run.path / REPORT_JSON, report.to_json())
    write_text(run.path / MODEL_CARD, model_card(report))
    details = collect_details(results, _token_lengths(run, results.splits.train))
    write_text(run.path / REPORT_HTML, html_page(report, details, results.task))
    return report


def _token_lengths(run: RunFolder, train: Split) -> list[int]:
    """Tokens of each row before it is cut: as the run counted them, or counted now for a run made before it did."""
    role = TEACHER if run.recipe().teacher.answering is None else STUDENT
    lengths = read_uncut_lengths(run.path / TOKENS / role / train.name)
    if lengths is None:
        tokenizer = load_tokenizer(run.path / role, key=role)
        lengths = tokenize_rows(tokenizer, train.segments(), max_length=None).lengths
    return [int(length) for length in lengths]
