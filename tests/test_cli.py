import io
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import alambique

BASH = shutil.which("bash")


def test_distill_predict_evaluate_and_report(run, recipe_file, tmp_path, monkeypatch):
    status, out, err = run("distill", recipe_file)
    assert status == 0
    assert "Student (distilled)" in out
    assert "teacher (seed 0): begins" in err
    folder = tmp_path / "runs" / "mine"
    report = json.loads((folder / "report.json").read_text())

    status, out, err = run("distill", recipe_file, "--quiet")
    assert (status, err) == (0, "")

    status, out, _ = run("evaluate", folder, "--split", "valid", "--json", "--quiet")
    scores = json.loads(out)
    assert list(scores) == ["teacher", "student", "undistilled"]
    for name, figures in scores.items():
        for metric, value in figures.items():
            assert value == pytest.approx(report["models"][name]["valid"][metric]["mean"])
    assert "student      test accuracy" in run("evaluate", folder)[1]

    status, out, _ = run("predict", folder, "superb lamp", "awful door", "--json")
    answers = [json.loads(line) for line in out.splitlines()]
    assert len(answers) == 2
    for answer in answers:
        assert set(answer) == {"label", "probability", "scores"}
        assert sum(answer["scores"].values()) == pytest.approx(1)
        assert answer["probability"] == max(answer["scores"].values()) == answer["scores"][answer["label"]]
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"superb lamp\nawful door\r\n")))
    lines = run("predict", folder)[1].splitlines()
    assert lines == [f"{a['label']}\t{a['probability']:.4f}" for a in answers]

    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"superb lamp\n\xff\n")))
    status, _, err = run("predict", folder)
    assert (status, err) == (2, "alambique: standard input, line 2: not UTF-8 text.\n")

    (folder / "report.json").unlink()
    status, out, _ = run("report", folder)
    assert status == 0
    assert json.loads((folder / "report.json").read_text()) == report


def test_init_writes_a_recipe_that_is_never_overwritten(run, tmp_path):
    rows = "".join(f"the lamp of room {i} is {'dim' if i % 2 else 'fine'},{'ab'[i % 2]}\n" for i in range(40))
    (tmp_path / "r.csv").write_text(f"frase,r\u00f3tulo\n{rows}")
    status, out, err = run("init", "r.csv", "--quiet")
    assert (status, err) == (0, "")
    lines = out.splitlines()
    assert lines[1:3] == [
        "text         frase        about 9 tokens in the median", "label        r\u00f3tulo       2 labels: a 20, b 20",
    ]  # fmt: skip
    assert lines[-1] == "Recipe: mine.yaml   Next: alambique doctor mine.yaml, then alambique distill mine.yaml"
    written = (tmp_path / "mine.yaml").read_text("utf-8")
    assert run("init", "r.csv") == (
        2, "", "alambique: mine.yaml is there already and is not overwritten. Give another name with --out.\n",
    )  # fmt: skip
    assert run("init", "r.csv", "--out", "other one.yaml")[1].splitlines()[-1] == (
        "Recipe: 'other one.yaml'   Next: alambique doctor 'other one.yaml', then alambique distill 'other one.yaml'"
    )
    assert (tmp_path / "mine.yaml").read_text("utf-8") == (tmp_path / "other one.yaml").read_text("utf-8") == written
    assert run("distill", "r.csv") == (
        2, "", "alambique: r.csv is a data file, not a recipe. To write a recipe for it: alambique init r.csv\n",
    )  # fmt: skip
    status, out, err = run("init", "absent.csv", "--out", "third.yaml", "--quiet")
    assert (status, out, err) == (2, "", "alambique: There is no file or folder absent.csv.\n")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mine.yaml", "other one.yaml", "r.csv"]


def test_recipes_lists_what_is_shipped(run):
    status, out, _ = run("recipes")
    assert status == 0
    assert [line.split()[0] for line in out.splitlines()] == ["liar", "liar-small", "liar-three", "quickstart"]


def test_the_version(run):
    assert run("--version") == (0, f"alambique {alambique.__version__}\n", "")


def test_the_version_stands_in_one_place():
    import tomllib

    project = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text("utf-8"))
    assert "version" not in project["project"]
    assert project["project"]["dynamic"] == ["version"]
    assert project["tool"]["hatch"]["version"] == {"path": "src/alambique/__init__.py"}


@pytest.mark.skipif(BASH is None, reason="no bash")
@pytest.mark.parametrize(
    ("words", "completions"),
    [
        ("alambique dis", "distill"),
        ("alambique --ver", "--version"),
        ("alambique distill li", "liar liar-small liar-three"),
        ("alambique distill mine", ""),  # bash itself then offers the files
        ("alambique evaluate run --sp", "--split"),
        ("alambique evaluate run --split t", "test"),
        ("alambique export run --to on", "onnx"),
        ("alambique predict run --model int", "int8"),
    ],
)
def test_bash_completes(words, completions):
    script = (
        'eval "$(_ALAMBIQUE_COMPLETE=source_bash alambique)"; complete -p alambique > /dev/null || exit 1\n'
        f"COMP_WORDS=({words}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); _alambique_completion alambique\n"
        'echo "${COMPREPLY[*]}"'
    )
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run([BASH, "-c", script], capture_output=True, text=True, env=environment, check=True)
    assert (done.stdout, done.stderr) == (f"{completions}\n", "")


def test_importing_the_command_line_loads_none_of_what_its_commands_need():
    heavy = (
        "torch",
        "transformers",
        "datasets",
        "sklearn",
        "numpy",
        "pandas",
        "pydantic",
        "yaml",
        "jinja2",
        "onnxruntime",
    )
    code = f"import sys, alambique.cli; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_recipes_and_help_import_no_torch():
    for arguments in (["recipes"], ["--help"]):
        code = f"import sys; sys.argv = ['alambique', *{arguments}]\nfrom alambique import cli\ntry:\n cli.main()\nexcept SystemExit: pass\nprint([m for m in ('torch', 'transformers', 'datasets', 'sklearn') if m in sys.modules])"  # noqa: E501
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        assert done.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["distill", "lair"], "alambique: lair is neither a recipe file nor a shipped recipe. The shipped ones are liar, "
         "liar-small, liar-three, quickstart."),
        (["distill", "quickstart", "--set", "distillation.temperature=hot"],
         "alambique: Recipe quickstart with --set has a problem:\n  distillation.temperature: must be a number, not 'hot'."),
        (["distill", "quickstart", "--set", "teacher"], "alambique: --set teacher is not of the form key=value, as in --set "
         "distillation.temperature=4"),
        (["predict", "nowhere", "x"], "alambique: nowhere is not a run folder: it has no recipe.yaml with a run id."),
        (["evaluate", "nowhere"], "alambique: nowhere is not a run folder: it has no recipe.yaml with a run id."),
        (["report", "nowhere"], "alambique: nowhere is not a run folder: it has no recipe.yaml with a run id."),
    ],
)  # fmt: skip
def test_the_users_errors_are_one_message_and_status_2(run, tmp_path, arguments, message):
    status, out, err = run(*arguments)
    assert (status, out, err) == (2, "", message + "\n")
    assert list(tmp_path.iterdir()) == []


def test_wrong_options_are_status_2(run):
    assert run("distill", "--bogus")[0] == 2
    assert run("evaluate", "x", "--split", "train")[0] == 2


def test_a_weak_teacher_is_status_1(run, recipe_file, data_folder):
    for path in data_folder.iterdir():
        rows = [json.loads(line) for line in path.read_text().splitlines()]
        path.write_text(
            "".join(json.dumps(r | ({} if i % 5 == 0 else {"label": "bad"})) + "\n" for i, r in enumerate(rows))
        )
    status, _, err = run("distill", recipe_file, "--quiet", "--set", "teacher.learning_rate=1e-9")
    assert status == 1
    assert err.startswith("alambique: On valid, the teacher gets macro-F1 ")
    assert "Traceback" not in err


@pytest.mark.usefixtures("ctrl_c")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interruption_is_status_130_and_gives_the_command_that_goes_on(run, recipe_file, monkeypatch, number):
    monkeypatch.setattr("alambique.preparation.load_splits", lambda *_, **__: os.kill(os.getpid(), number))
    status, _, err = run("distill", recipe_file, "--set", "data.text=[my text]", "--out", "a run")
    assert status == 130
    assert err.splitlines()[-1] == (
        "alambique: interrupted; what is done is kept. To go on from there: "
        f"alambique distill {recipe_file} --set 'data.text=[my text]' --out 'a run'"
    )
    assert not Path("a run").exists()


@pytest.mark.usefixtures("ctrl_c")
def test_what_cannot_go_on_says_no_more_than_that_it_was_interrupted(run, monkeypatch):
    monkeypatch.setattr("alambique.recipe.files.shipped_recipes", lambda: os.kill(os.getpid(), signal.SIGINT))
    assert run("recipes")[0::2] == (130, "alambique: interrupted\n")


def test_the_installed_command_runs():
    environment = {**os.environ, "HF_HUB_OFFLINE": "1"}
    done = subprocess.run(
        [sys.executable, "-m", "alambique", "recipes"], capture_output=True, text=True, env=environment, check=True
    )
    assert "quickstart" in done.stdout
