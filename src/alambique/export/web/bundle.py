"""The web export: one folder that any static host serves, in which the student runs in the visitor's browser.

The int8 file that passed the parity gate is run by transformers.js and ONNX Runtime's WebAssembly, both in the folder.
"""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from alambique.errors import ParityError
from alambique.export.web.npm import Package, fetch, take
from alambique.frontend import WEB_FILES, read
from alambique.progress import Reporter
from alambique.run.folder import RunFolder
from alambique.run.integrity import digest_of, read_json, write_text
from alambique.run.layout import EXPORT_FACTS, ONNX, ONNX_FILES, STUDENT, WEB, WORK
from alambique.run.manifest import MANIFEST, Artefact, recorded_digest

TRANSFORMERS_JS = Package(
    "@huggingface/transformers",
    "4.3.1",
    "sha512-5+voSeUCFK6PCKlY15dPhNOKq3/zOTxDN7oC+Wy9dFb1QZ0TSQomZRRy7URRK8YRuUoE9fGMQTTPC5d/pWBJhA==",
    "Apache-2.0",
)
# the version that this transformers.js is built with; of its four builds the smallest, which runs on the processor
ONNXRUNTIME_WEB = Package(
    "onnxruntime-web",
    "1.31.0-dev.20260914-8d85527a0",
    "sha512-Iy7rtadoBgxS/LLvDr3QW38DB1PNXRnr0GJMcL0TAt7c9qjgVQl83UlGCVyeAnK2InpmW8Uc3PL8XIuqtDeF6g==",
    "MIT",
)
LIBRARY = {
    TRANSFORMERS_JS: {"dist/transformers.min.js": "transformers.min.js", "LICENSE": "transformers.LICENSE.txt"},
    ONNXRUNTIME_WEB: {  # .js: some hosts do not know .mjs for a script, and browsers then refuse it
        "dist/ort-wasm-simd-threaded.mjs": "ort-wasm-simd-threaded.js",
        "dist/ort-wasm-simd-threaded.wasm": "ort-wasm-simd-threaded.wasm",
    },
}
MODEL = "model"
_FROM_ONNX = {
    "config.json": "config.json",
    "tokenizer.json": "tokenizer.json",
    "tokenizer_config.json": "tokenizer_config.json",
    ONNX_FILES["int8"]: "onnx/model_quantized.onnx",
}
_FACTS = ("label_names", "pairs", "max_length", "model_inputs", "temperature", "task", "thresholds")
NOTICE = "onnxruntime.LICENSE.txt"  # its npm package has none


def export_web(run: RunFolder, *, reporter: Reporter) -> Artefact:
    """Write ``web/``, from the int8 file in ``onnx/``.

    Args:
        run: where.
        reporter: where progress goes.

    Raises:
        CorruptArtefactError: ``onnx/`` is absent or damaged.
        ParityError: no int8 file passed the gate.
        NpmError: a package cannot be had; nothing of the attempt is kept.
    """
    onnx = run.artefact(ONNX).folder
    facts = json.loads((onnx / EXPORT_FACTS).read_text("utf-8"))
    if facts["models"].get("int8", {}).get("file") is None:
        raise ParityError("The web export needs an int8 student that passes the parity gate, and none does.")

    def make(work: Path) -> None:
        with reporter.stage("web") as step:
            step.start(len(LIBRARY))
            _copy_model(onnx, work / MODEL, facts)
            (work / "lib").mkdir()
            for package, names in LIBRARY.items():
                take(fetch(package), {name: work / "lib" / target for name, target in names.items()})
                step.advance(1)
            (work / "lib" / NOTICE).write_bytes(read(NOTICE))
            for name in WEB_FILES:
                (work / _served_as(name)).write_bytes(read(name))

    try:
        return run.stage(WEB, _key(onnx, facts), make)
    except Exception:
        run.discard(WEB)
        raise


def drop_stale_web(run: RunFolder, say: Callable[[str], None]) -> None:
    """Remove a ``web/`` that holds another student than the run now does: somebody would put it on a server."""
    folder, aside = run.path / WEB, run.path / WORK / f".{WEB}.old"
    manifest = read_json(folder / MANIFEST)
    key = manifest.get("key") if isinstance(manifest, dict) else None
    if folder.is_symlink() or not isinstance(key, dict) or key.get("inputs", {}) == _inputs_now(run):
        return
    aside.parent.mkdir(exist_ok=True)
    folder.replace(aside)  # at once: half of it must not stay
    run.discard(WEB)
    say(f"{folder} held an earlier student and is removed; alambique export {run.path} --to web makes it again")


def _inputs_now(run: RunFolder) -> dict[str, Any] | None:
    onnx = run.path / ONNX
    facts = read_json(onnx / EXPORT_FACTS)
    if not isinstance(facts, dict) or facts["student"] != recorded_digest(run.path / STUDENT):
        return None
    return _inputs(onnx, facts)


def _inputs(onnx: Path, facts: dict[str, Any]) -> dict[str, Any]:
    """What of the exported student the folder holds: a new fp32 file beside it changes nothing here."""
    files = (read_json(onnx / MANIFEST) or {}).get("files", {})
    return {name: files.get(name) for name in _FROM_ONNX} | {"facts": _page_facts(facts)}


def _key(onnx: Path, facts: dict[str, Any]) -> dict[str, Any]:
    return {
        "inputs": _inputs(onnx, facts),
        "page": digest_of({name: read(name).decode() for name in (*WEB_FILES, NOTICE)}),
        "packages": {package.name: package.integrity for package in LIBRARY},
    }


def _page_facts(facts: dict[str, Any]) -> dict[str, Any]:
    model = facts["models"].get("int8", {})
    stored = {name: facts[name] for name in _FACTS if name in facts}
    return stored | {name: model.get(name) for name in ("bytes", "scheme")}


def _served_as(name: str) -> str:
    return "index.html" if name == "web.html" else name


def _copy_model(onnx: Path, target: Path, facts: dict[str, Any]) -> None:
    (target / "onnx").mkdir(parents=True)
    for name, served in _FROM_ONNX.items():
        shutil.copyfile(onnx / name, target / served)
    write_text(target / "facts.json", json.dumps(_page_facts(facts), indent=2, ensure_ascii=False))
