"""Text of a diagnosis for the terminal."""

from alambique.doctor.diagnose import Diagnosis
from alambique.inference.answering import Requests

_MINUTE, _HOUR = 60.0, 3600.0


def as_text(diagnosis: Diagnosis) -> str:
    """Format the findings, each with its advice, and the time and memory of each stage."""
    rows = ", ".join(f"{count} {name}" for name, count in diagnosis.rows.items())
    lines = [f"Rows: {rows}", "", f"Findings: {len(diagnosis.findings) or 'none'}"]
    for finding in diagnosis.findings:
        lines += [f"  {finding.code} ({finding.where})", f"    {finding.message}", f"    {finding.advice}"]
    if not diagnosis.estimates:
        return "\n".join([*lines, "", "No estimates: the model cannot be used as it is."])
    lines += ["", f"Estimates on this machine ({diagnosis.device}), measured on a few batches"]
    if diagnosis.processes > 1:
        lines.append(
            f"Training will use {diagnosis.processes} devices, one for each process; the estimates are for one."
        )
    lines += [f"  {e.stage:<12} {_time(e.seconds):>8}   {_size(e.memory):>8} memory" for e in diagnosis.estimates]
    patient = [estimate.stage for estimate in diagnosis.estimates if estimate.longest]
    total = sum(estimate.seconds for estimate in diagnosis.estimates)
    peak = max(estimate.memory for estimate in diagnosis.estimates)
    lines.append(f"  {'all':<12} {_time(total):>8}   {_size(peak):>8} memory")
    if patient:
        *others, last = patient
        named = f"{', '.join(others)} and {last}" if others else last
        lines.append(f"  the longest case for {named}: patience may end training earlier")
    if diagnosis.features is not None:
        of = diagnosis.features
        chosen = "stored" if of.cached else "live"
        lines.append(
            f"  teacher's features, per seed: stored {_size(of.stored)} and {_time(of.once)} once, live {_time(of.live)} in "
            f"all epochs; distillation.feature_cache chooses {chosen}"
        )
    if diagnosis.requests is not None:
        lines.append(f"  {'requests':<12} {_requests(diagnosis.requests)}")
    lines.append(f"  {'disk':<12} {_size(diagnosis.disk):>8} needed, {_size(diagnosis.free)} free here")
    return "\n".join(lines)


def _requests(requests: Requests) -> str:
    allowed = "any number is allowed" if requests.most is None else f"{requests.most} are allowed"
    return (
        f"{requests.count:>8} to the teacher, one for each different text of {requests.rows} rows, and those that fail; "
        f"{allowed} (teacher.endpoint.max_requests); their time and price are not known"
    )


def _time(seconds: float) -> str:
    if seconds < _MINUTE:
        return f"{seconds:.0f} s"
    return f"{seconds / _MINUTE:.0f} min" if seconds < _HOUR else f"{seconds / _HOUR:.1f} h"


def _size(count: int) -> str:
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.0f} MB"  # noqa: PLR2004 - a gigabyte
