import json
import shutil

import pytest
from web_host import small_library

from alambique import distill
from alambique.commands import export
from alambique.errors import ParityError
from alambique.export.web import bundle as web
from alambique.export.web.bundle import export_web
from alambique.export.web.npm import cache_folder
from alambique.progress import Reporter
from alambique.run.folder import RunFolder

FILES = [
    "bars.js", "cut.js", "decide.js", "index.html", "lib/onnxruntime.LICENSE.txt", "lib/ort-wasm-simd-threaded.js",
    "lib/ort-wasm-simd-threaded.wasm", "lib/transformers.LICENSE.txt", "lib/transformers.min.js", "manifest.json",
    "model/config.json", "model/facts.json", "model/onnx/model_quantized.onnx", "model/tokenizer.json",
    "model/tokenizer_config.json", "student.js", "style.css", "web.js",
]  # fmt: skip


@pytest.fixture(autouse=True)
def _packages_to_hand(tmp_path, monkeypatch):
    """No network: what the cache holds is pinned, and small."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("npm_config_registry", "http://127.0.0.1:9")
    monkeypatch.setattr(web, "LIBRARY", small_library(web.LIBRARY))


def names(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def stamps(folder):
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*")}


def test_the_command_writes_one_folder_with_all_that_the_page_needs(run, run_folder):
    before = names(run_folder)
    status, out, err = run("export", run_folder, "--to", "web", "--quiet")
    assert (status, err) == (0, "")
    folder = run_folder / "web"
    assert out == f"{folder}   for any static host; to try it here: python -m http.server -d {folder}\n"
    assert names(folder) == FILES
    assert [name for name in names(run_folder) if not name.startswith("web/")] == before
    onnx = run_folder / "onnx"
    for source, served in (
        ("model_int8.onnx", "onnx/model_quantized.onnx"), ("config.json",) * 2, ("tokenizer.json",) * 2,
        ("tokenizer_config.json",) * 2,
    ):  # fmt: skip
        assert (folder / "model" / served).read_bytes() == (onnx / source).read_bytes()
    facts, exported = (json.loads(path.read_text()) for path in (folder / "model" / "facts.json", onnx / "export.json"))
    assert facts == {
        name: exported[name] for name in ("label_names", "pairs", "max_length", "model_inputs", "temperature")
    } | {name: exported["models"]["int8"][name] for name in ("bytes", "scheme")}
    assert (folder / "lib" / "ort-wasm-simd-threaded.js").read_bytes() == (
        b"onnxruntime-web dist/ort-wasm-simd-threaded.mjs"
    )
    assert "Permission is hereby granted" in (folder / "lib" / "onnxruntime.LICENSE.txt").read_text()
    made = stamps(folder)
    assert run("export", run_folder, "--to", "web", "--quiet")[0] == 0
    assert stamps(folder) == made


@pytest.mark.slow
def test_a_damaged_file_and_a_new_page_are_made_again_and_a_new_fp32_file_changes_nothing(run_folder, monkeypatch):
    export(run_folder, ["web"])
    page = run_folder / "web" / "web.js"
    right = page.read_bytes()
    page.write_bytes(b"other")
    export(run_folder, ["web"])
    assert page.read_bytes() == right

    monkeypatch.setattr(web, "read", lambda name: b"new " + name.encode())
    export(run_folder, ["web"])
    assert page.read_bytes() == b"new web.js"

    shutil.rmtree(run_folder / "onnx")
    export(run_folder, ["int8"])  # without fp32
    before = stamps(run_folder / "web")
    export(run_folder, ["onnx", "web"])
    assert stamps(run_folder / "web") == before


@pytest.mark.slow
def test_what_is_of_an_earlier_student_goes_when_the_run_has_another(exported, run_folder):
    export(run_folder, ["web"])
    _, recipe, _ = exported
    distill(recipe, run_folder)
    assert names(run_folder / "web") == FILES

    said = []
    less = recipe.model_dump(mode="json")
    less["student"]["epochs"] = 1
    distill(type(recipe).from_dict(less), run_folder, reporter=Saying(said))
    assert not (run_folder / "web").exists()
    assert said == [
        f"{run_folder}/web held an earlier student and is removed; alambique export {run_folder} --to web makes it again"
    ]
    export(run_folder, ["web"])
    new = (run_folder / "onnx" / "model_int8.onnx").read_bytes()
    assert (run_folder / "web" / "model" / "onnx" / "model_quantized.onnx").read_bytes() == new


class Saying(Reporter):
    def __init__(self, lines):
        super().__init__()
        self.lines = lines

    def say(self, line):
        self.lines.append(line)


def test_a_folder_of_the_users_own_is_left_alone_by_distill(exported, run_folder):
    (run_folder / "web").mkdir()
    (run_folder / "web" / "manifest.json").write_text('{"name": "my app", "key": 1}')
    distill(exported[1], run_folder)
    assert names(run_folder / "web") == ["manifest.json"]


def test_without_a_network_nothing_half_written_stays_and_what_stood_there_stays(run, run_folder):
    before = names(run_folder)
    (package,) = (one for one in web.LIBRARY if one.name == "onnxruntime-web")
    kept = cache_folder() / package.tarball
    content = kept.read_bytes()
    kept.write_bytes(b"broken")
    message = (
        f"alambique: The web export needs {package.name}@{package.version} once, and it cannot be fetched from "
        f"{package.url}: Connection refused (ConnectionError). Connect to the network, or name another registry in "
        f"npm_config_registry, or download that file elsewhere and put it into {cache_folder()} as {package.tarball}.\n"
    )
    assert run("export", run_folder, "--to", "web", "--quiet") == (2, "", message)
    assert names(run_folder) == before

    kept.write_bytes(content)
    export(run_folder, ["web"])
    (run_folder / "web" / "web.js").write_bytes(b"other")
    whole = names(run_folder)
    kept.unlink()
    assert run("export", run_folder, "--to", "web", "--quiet") == (2, "", message)
    assert names(run_folder) == whole


def test_without_an_int8_student_there_is_no_page(run_folder):
    manifest, facts = (run_folder / "onnx" / name for name in ("manifest.json", "export.json"))
    content = json.loads(facts.read_text())
    content["models"]["int8"]["file"] = None
    facts.write_text(json.dumps(content))
    with pytest.raises(Exception, match=r"export\.json has SHA-256 .*: it is damaged and is not used"):
        export_web(RunFolder.existing(run_folder), reporter=Reporter())
    recorded = json.loads(manifest.read_text())
    del recorded["digest"]
    recorded["files"]["export.json"] = sha256(facts)
    manifest.write_text(json.dumps(recorded))
    with pytest.raises(ParityError) as refused:
        export_web(RunFolder.existing(run_folder), reporter=Reporter())
    assert str(refused.value) == ("The web export needs an int8 student that passes the parity gate, and none does.")
    assert not (run_folder / "web").exists()


def sha256(path):
    import hashlib

    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_an_unknown_format_is_named(run, run_folder):
    status, out, err = run("export", run_folder, "--to", "pdf")
    assert (status, out) == (2, "")
    assert "must be onnx, int8, web or hub" in " ".join(err.split())
