"""From the artefacts of a run to report.json, a page, the model card and a table; nothing is trained or scored here."""
