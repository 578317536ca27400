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
    "init-absent": Case(("init", "reviews.csv"), {}),
    "init-empty-folder": Case(("init", "folder"), {"folder": None}),
    "init-escape": Case(("init", "\x1b[31mred.csv"), {}),
    "init-nul": Case(("init", "a\0b"), {}),
    "init-too-long": Case(("init", "x" * 5000), {}),
    "init-binary": Case(("init", "r.csv"), {"r.csv": b"\0\1\2\3"}),
    "init-workbook": Case(("init", "r.xlsx"), {"r.xlsx": b"PK"}),
    "init-a-recipe": Case(("init", "my.yaml"), GOOD),
    "init-no-labels": Case(
        ("init", "r.csv"), {"r.csv": "text,id\n" + "".join(f"the lamp {i} is fine,{i}\n" for i in range(50))}
    ),
    "init-no-text": Case(("init", "r.csv"), {"r.csv": "a,b\n1,2\n3,4\n5,6\n"}),
    "init-one-column": Case(("init", "r.txt"), {"r.txt": "a lamp that is fine\nan awful door of wood\n"}),
    "init-out-is-there": Case(("init", "data", "--out", "my.yaml"), GOOD),
    "init-out-is-a-folder": Case(("init", "data", "--out", "data"), DATA),
    "init-out-is-a-dead-link": Case(("init", "data", "--out", "l"), {**DATA, "l": lambda p: p.symlink_to("absent")}),
    "init-out-nowhere": Case(("init", "data", "--out", "no/mine.yaml"), DATA),
    "init-out-too-long": Case(("init", "data", "--out", "x" * 300), DATA),
    "init-out-nul": Case(("init", "data", "--out", "a\0b"), DATA),
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
