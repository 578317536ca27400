"""Standard streams that are closed, full, gone or of another encoding, each in a process of its own."""

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from alambique.run.manifest import write_manifest
from alambique.streams import is_utf8, standard_streams

TEXT = "lovely lamp"
CLOSED_IN = "alambique: Standard input is closed. Give texts as arguments, or lines from a file or a pipe.\n"
CLOSED_OUT = "alambique: Standard output is closed: there is nowhere to write the results to.\n"
FULL = "alambique: standard output cannot be written: No space left on device.\n"
SHELL = shutil.which("sh")
NARROW = {"PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "LC_ALL": "C"}
slow = pytest.mark.slow
full_device = pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")


def shell(line, *values, **environment):
    """Run a line of sh in which $A is the command: (status, bytes of standard output, text of standard error)."""
    command = f'A() {{ "{sys.executable}" -m alambique "$@"; }}; {line}'
    done = subprocess.run(
        [SHELL, "-c", command, "sh", *values], capture_output=True, timeout=300, check=False,
        env={**os.environ, **environment}, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    return done.returncode, done.stdout, done.stderr.decode()


@pytest.mark.parametrize(
    ("line", "status", "message"),
    [
        ('A predict "$1" <&-', 2, CLOSED_IN),
        ('A predict "$1" lamp >&-', 2, CLOSED_OUT),
        ("A recipes >&-", 2, CLOSED_OUT),
        ("A doctor quickstart >&-", 2, CLOSED_OUT),
        ('A evaluate "$1" >&-', 2, CLOSED_OUT),
        pytest.param('A predict "$1" lamp > /dev/full', 1, FULL, marks=full_device),
        pytest.param("A recipes > /dev/full", 1, FULL, marks=full_device),
        pytest.param("A --help > /dev/full", 1, FULL, marks=full_device),
        ("A recipes 1< /dev/null", 1, "alambique: standard output cannot be written: Bad file descriptor.\n"),
        ('A predict "$1" 0> /dev/null', 2, "alambique: standard input cannot be read: Bad file descriptor.\n"),
    ],
)
def test_a_stream_that_cannot_be_used_is_a_sentence(exported, line, status, message):
    assert shell(line, exported[0]) == (status, b"", message)


@pytest.mark.parametrize(
    "redirection",
    ["<&- 2>&-", pytest.param("2>&-", marks=slow), pytest.param("2> /dev/full", marks=(full_device, slow))],
)
def test_a_log_that_cannot_be_written_stops_nothing(exported, redirection):
    wanted = shell('A predict "$1" "$2"', exported[0], TEXT)
    assert wanted[0] == 0
    assert shell(f'A predict "$1" "$2" {redirection}', exported[0], TEXT) == (0, wanted[1], "")
    assert shell(f"A predict nowhere lamp {redirection}") == (2, b"", "")


def test_a_reader_that_has_gone_is_no_error_to_tell_of(exported, tmp_path):
    lines = tmp_path / "lines.txt"
    lines.write_text(f"{TEXT}\n" * 20_000)
    status, out, err = shell('A predict "$1" < "$2" | head -1', exported[0], lines)
    assert (status, len(out.splitlines()), err) == (0, 1, "")


@pytest.mark.slow
def test_no_file_of_a_run_gets_the_number_of_a_closed_stream(exported, tmp_path):
    run = shutil.copytree(exported[0], tmp_path / "run")
    (run / "report.html").unlink()
    assert shell('A report "$1" <&- >&- 2>&-', run) == (0, b"", "")
    assert json.loads((run / "report.json").read_text("utf-8"))["models"]
    assert (run / "report.html").read_text("utf-8").rstrip().endswith("</html>")


@pytest.fixture(scope="module")
def chinese(exported, tmp_path_factory):
    """A run whose labels are not ASCII."""
    folder = tmp_path_factory.mktemp("chinese") / "run"
    shutil.copytree(exported[0], folder)
    facts = json.loads((folder / "onnx" / "export.json").read_text("utf-8"))
    facts["label_names"] = ["负面", "中性", "正面"]
    (folder / "onnx" / "export.json").write_text(json.dumps(facts), "utf-8")
    made = json.loads((folder / "onnx" / "manifest.json").read_text("utf-8"))
    write_manifest(folder / "onnx", made["key"], made["seconds"])
    return folder


@pytest.mark.parametrize(
    "environment", [NARROW, pytest.param({"PYTHONIOENCODING": "cp1252"}, marks=slow), pytest.param({}, marks=slow)]
)
def test_output_is_utf8_whatever_the_locale(chinese, environment):
    status, out, err = shell('A predict "$1" "$2" --json', chinese, TEXT, **environment)
    assert (status, err) == (0, "")
    assert list(json.loads(out.decode("utf-8"))["scores"]) == ["负面", "中性", "正面"]


def test_arguments_are_utf8_whatever_the_locale(exported):
    wanted = shell('A predict "$1" "$2" --json', exported[0], "lovely café 中")
    assert wanted[0] == 0
    assert shell('A predict "$1" "$2" --json', exported[0], "lovely café 中", **NARROW) == wanted


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('A predict "$1" lamp "$2"', "argument 2: not UTF-8 text."),
        ('A predict "$2" lamp', "RUN caf\\udce9: not UTF-8 text."),
        ('A distill "$2"', "RECIPE caf\\udce9: not UTF-8 text."),
        ('A distill --out "$2"', "--out caf\\udce9: not UTF-8 text."),
        ('A doctor quickstart --set data.text="$2"', "--set data.text=caf\\udce9: not UTF-8 text."),
        ('A serve "$1" --port 0 --host "$2"', "--host: caf\\udce9 is not an address of this machine."),
    ],
)
@pytest.mark.parametrize("environment", [NARROW, pytest.param({}, marks=slow)])
def test_an_argument_that_is_not_utf8_is_named(exported, line, message, environment):
    status, out, err = shell(line, exported[0], b"caf\xe9", **environment)
    assert (status, out, err) == (1 if "serve" in line else 2, b"", f"alambique: {message}\n")


@pytest.mark.usefixtures("ctrl_c")
@pytest.mark.parametrize(
    ("kind", "number"),
    [
        ("terminal", signal.SIGINT), ("pipe", signal.SIGTERM),
        pytest.param("terminal", signal.SIGTERM, marks=slow), pytest.param("pipe", signal.SIGINT, marks=slow),
    ],
)  # fmt: skip
def test_an_interruption_while_predict_waits_for_a_line(exported, number, kind):
    there, here = os.openpty() if kind == "terminal" else os.pipe()[::-1]
    with subprocess.Popen(
        [sys.executable, "-m", "alambique", "predict", exported[0]], stdin=here, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:  # fmt: skip
        os.write(there, b"lovely lamp\n")
        assert process.stdout.readline().startswith(b"good\t")
        process.send_signal(number)
        assert process.communicate(timeout=60) == (b"", b"alambique: interrupted\n")
    os.close(there)
    os.close(here)
    assert process.returncode == 130


def test_a_pipe_that_does_not_wait_is_read_to_its_end(exported):
    out, into = os.pipe()
    os.set_blocking(out, False)
    with subprocess.Popen(
        [sys.executable, "-m", "alambique", "predict", exported[0]], stdin=out, stdout=subprocess.PIPE
    ) as process:
        os.write(into, b"lovely lamp\n")
        assert process.stdout.readline().startswith(b"good\t")
        os.write(into, b"awful door\n")
        os.close(into)
        assert process.communicate(timeout=60)[0].startswith(b"bad\t")
    os.close(out)
    assert process.returncode == 0


def test_streams_are_given_back(capsys):
    before = sys.stdout, sys.stderr
    with standard_streams():
        assert sys.stdout is not before[0]
        sys.stdout.write("é half \ud83d\n")
        sys.stderr.write("word\n")
    assert (sys.stdout, sys.stderr) == before
    assert capsys.readouterr() == ("é half \\ud83d\n", "word\n")


def test_halves_of_characters_are_not_utf8():
    assert is_utf8("café \U0001f600")
    assert not is_utf8("caf\udce9")


def test_what_libraries_say_is_kept_off_the_terminal_and_our_own_log_is_not():
    code = """
import os, sys
from alambique.streams import silenced_libraries
print("out before"); print("log before", file=sys.stderr); sys.stdout.flush()
with silenced_libraries():
    print("a library"); os.write(2, b"C++"); print("ours", file=sys.stderr)
print("out after"); print("log after", file=sys.stderr)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == "out before\nout after\n"
    assert done.stderr == "log before\nours\nlog after\n"
