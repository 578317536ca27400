"""Command lines that ask for what is not there, or where nothing may be written."""

from case import DATA, FINE, TRAINED_HERE, Case

GOOD = {"my.yaml": FINE, **DATA}
RUN_COMMANDS = ("predict", "evaluate", "report", "export", "serve")
MARK = "run_id: 0123456789abcdef0123456789abcdef\n"
NO_RUNS = {
    "absent": ("nowhere", {}),
    "empty-folder": ("folder", {"folder": None}),
    "a-file": ("my.yaml", GOOD),
    "folder-of-others": ("data", DATA),
    "no-run-id": ("folder", {"folder/recipe.yaml": FINE}),
    "run-id-a-number": ("folder", {"folder/recipe.yaml": "run_id: 5\n" + FINE}),
    "recipe-binary": ("folder", {"folder/recipe.yaml": b"\xff\xfe\x00"}),
    "recipe-a-folder": ("folder", {"folder/recipe.yaml": None}),
    "recipe-bomb": ("folder", {"folder/recipe.yaml": "a: " + "[" * 3000}),
    "only-a-mark": ("folder", {"folder/recipe.yaml": MARK}),
    "nothing-done": ("folder", {"folder/recipe.yaml": MARK + FINE}),
    "bad-recipe": ("folder", {"folder/recipe.yaml": MARK + "data: {source: 3}\n" + TRAINED_HERE}),
    "nul": ("a\0b", {}),
    "too-long": ("x" * 5000, {}),
    "newline": ("a\nb", {}),
    "escape": ("\x1b[31mred", {}),
    "blank": ("", {}),
}  # fmt: skip


def out(folder, files=None):
    return Case(("distill", "my.yaml", "--out", folder), {**GOOD, **(files or {})})


CASES = {
    f"{command}-{name}": Case((command, run, *(("a text",) if command == "predict" else ())), files)
    for name, (run, files) in NO_RUNS.items()
    for command in RUN_COMMANDS
} | {
    "out-is-a-file": out("my.yaml"),
    "out-below-a-file": out("my.yaml/run"),
    "out-is-the-data": out("data"),
    "out-is-here": out("."),
    "out-is-above": out("data/.."),
    "out-holds-others": out("other", {"other/notes.txt": "mine"}),
    "out-is-a-link-to-others": out("other", {"real/notes.txt": "mine", "other": lambda p: p.symlink_to("real")}),
    "out-is-a-dead-link": out("other", {"other": lambda p: p.symlink_to("absent")}),
    "out-is-a-link-to-itself": out("other", {"other": lambda p: p.symlink_to("other")}),
    "out-nul": out("a\0b"),
    "out-too-long": out("x" * 300),
    "out-much-too-long": out("x" * 5000),
    "out-in-proc": out("/proc/run"),
    "out-is-a-device": out("/dev/null"),
    "out-below-a-device": out("/dev/null/run"),
    "out-foreign-recipe": out("other", {"other/recipe.yaml": FINE}),
    "no-command": Case(("destill", "quickstart"), {}),
    "command-with-escape": Case(("\x1b[31mred",), {}),
    "unknown-option": Case(("distill", "quickstart", "--sett", "a=1"), {}),
    "set-without-value": Case(("distill", "quickstart", "--set"), {}),
    "two-recipes": Case(("distill", "quickstart", "liar"), {}),
    "seeds-zero": Case(("distill", "quickstart", "--seeds", "0"), {}),
    "seeds-word": Case(("distill", "quickstart", "--seeds", "five"), {}),
    "seeds-many": Case(("distill", "quickstart", "--seeds", "1000000000000"), {}),
    "seeds-and-set": Case(
        ("distill", "my.yaml", "--seeds", "2", "--set", "seeds=[]", "--set", "teacher.epochs=0"), GOOD
    ),
    "doctor-nothing": Case(("doctor",), {}),
    "doctor-absent": Case(("doctor", "absent.yaml"), {}),
    "doctor-folder": Case(("doctor", "data"), DATA),
    "evaluate-split": Case(("evaluate", "run", "--split", "train"), {}),
    "evaluate-nothing": Case(("evaluate",), {}),
    "export-format": Case(("export", "run", "--to", "tflite"), {}),
    "predict-model": Case(("predict", "run", "x", "--model", "tpu"), {}),
    "predict-model-absent": Case(("predict", "folder", "x", "--model", "onnx"), {"folder/recipe.yaml": MARK + FINE}),
    "serve-port": Case(("serve", "run", "--port", "99999"), {}),
    "serve-port-word": Case(("serve", "run", "--port", "http"), {}),
    "serve-model": Case(("serve", "run", "--model", "tpu"), {}),
    "report-two": Case(("report", "a", "b"), {}),
    "option-with-escape": Case(("predict", "run", "--\x1b[31mred"), {}),
    "argument-with-escape": Case(("report", "a", "\x1b[31mred"), {}),
    "model-with-escape": Case(("predict", "run", "x", "--model", "\x1b[31mred"), {}),
}
