"""Whether two runs came to the same: every byte counts but those that measure time or name the run.

Left out of the comparison, and nothing else:

- ``recipe.yaml``: the line ``run_id``, and the hash in the first line, which covers it;
- ``manifest.json`` of each stage: ``seconds``, ``environment``, ``digest`` (which covers ``seconds``), and in ``benchmark``
  the hash of ``cost.json``;
- ``benchmark/cost.json``: the figures, not the names;
- ``report.json``: ``run_id``, ``timings`` (the figures), ``environment``, and in each model ``latency_ms`` and
  ``throughput_per_s``;
- ``README.md`` and ``report.html`` repeat those figures: they must be what the artefacts of their own run give.
"""

import json

from alambique.report.write import write_report
from alambique.run.folder import RunFolder
from alambique.run.manifest import MANIFEST

MEASURED = ("latency_ms", "throughput_per_s")
PAGES = ("report.json", "report.html", "README.md")


def files(folder):
    """Every file and link, and every empty folder, below a folder."""
    return {
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.is_symlink() or path.is_file() or not any(path.iterdir())
    }


def differences(run, reference, *, rewrite=False):
    """What is not the same in a run, by file; the pages are compared with what is written again if ``rewrite``."""
    found, wanted = files(run), files(reference)
    told = [f"{name}: only in one" for name in sorted(found ^ wanted)]
    told += [name for name in sorted(found & wanted) if _content(run, name) != _content(reference, name)]
    return told + (_stale_pages(run) if rewrite else [])


def _content(run, name):
    path = run / name
    if path.is_symlink() or path.is_dir():
        return "link" if path.is_symlink() else "folder"
    if name.endswith(MANIFEST) or name in ("report.json", "benchmark/cost.json"):
        return _json(name, json.loads(path.read_bytes()))
    if name == "recipe.yaml":
        return [line for line in path.read_text().splitlines() if not line.startswith(("run_id: ", "# SHA-256 "))]
    return None if name in PAGES else path.read_bytes()


def _json(name, content):
    if name == "benchmark/cost.json":
        return _names(content)
    if name == "report.json":
        return report_but_for_times(content)
    del content["seconds"], content["digest"], content["environment"]
    if name == f"benchmark/{MANIFEST}":
        del content["files"]["cost.json"]
    return content


def _names(content):
    return {name: _names(value) for name, value in content.items()} if isinstance(content, dict) else None


def report_but_for_times(report):
    """A report without what measures time or names the run."""
    for name in ("run_id", "environment"):
        del report[name]
    report["timings"] = _names(report["timings"])
    for model in report["models"].values():
        for name in MEASURED:
            model[name] = None
    return report


def _stale_pages(run):
    """The pages that are not what the artefacts give."""
    before = {name: (run / name).read_bytes() for name in PAGES}
    write_report(RunFolder(run))
    after = {name: (run / name).read_bytes() for name in PAGES}
    return [f"{name}: not what the artefacts give" for name in PAGES if before[name] != after[name]]
