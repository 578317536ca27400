"""Imports point one way."""

import ast
from pathlib import Path

SOURCE = Path(__file__).parents[1] / "src" / "alambique"
# from the foundation up; a room may import from rooms of lower floors, and within data and report
FLOORS = (
    {"errors", "findings", "manifest"},
    {
        "yaml_reader",
        "recipe_problems",
        "hub",
        "labels",
        "losses",
        "metrics",
        "wordpiece",
        "logits",
        "progress",
        "cores",
        "last_layer",
        "lines",
        "tokens",
        "allocator",
        "lock",
        "failures",
        "interruption",
        "printing",
        "page",
    },
    {"recipe_sections", "onnx_model"},
    {"recipe"},
    {"run", "inference", "trainer", "recipe_reference"},
    {"data", "checkpoints"},
    {"building", "training", "baselines", "statistics"},
    {"teacher", "soft_labels", "student", "tokenization", "evaluate", "benchmark", "export"},
    {"verdict"},
    {"report", "classifier", "doctor"},
    {"predict", "serve"},
    {"rescore"},
    {"pipeline"},
    {"cli"},
    {"__main__"},
)
FLOOR = {room: floor for floor, rooms in enumerate(FLOORS) for room in rooms}


def imports(path):
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "alambique":
            yield from [node.module.split(".")[1]] if "." in node.module else [alias.name for alias in node.names]
        elif isinstance(node, ast.Import):
            yield from [name.name.split(".")[1] for name in node.names if name.name.startswith("alambique.")]


def test_every_room_has_a_floor_and_imports_from_below():
    for path in SOURCE.rglob("*.py"):
        room = path.relative_to(SOURCE).parts[0].removesuffix(".py")
        if room == "__init__":
            continue  # it only names where the public things are
        for other in imports(path):
            if other != room:
                assert FLOOR[other] < FLOOR[room], f"{path.name} imports {other}"


def test_files_are_of_a_readable_size():
    for path in SOURCE.rglob("*.py"):
        assert len(path.read_text("utf-8").splitlines()) <= 400, path
