"""The structure of the package: imports point one way, stages know nothing of each other, every module has its test."""

import ast
from pathlib import Path

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "alambique"
# from the foundation up: a room imports from lower floors only
FLOORS = (
    {"errors"},
    {"findings", "progress", "terminal", "signals", "cpu", "hub", "frontend", "losses"},
    {"recipe"},
    {"run"},
    {"artefacts"},
    {"models"},
    {"data", "evaluation"},
    {"inference", "training"},
    {"export", "report", "serve"},
    {"stages"},
    {"pipeline"},
    {"doctor", "commands"},
    {"cli"},
    {"__main__"},
)
FLOOR = {room: floor for floor, rooms in enumerate(FLOORS) for room in rooms}


def modules(folder=SOURCE):
    return sorted(path for path in folder.rglob("*.py") if path != SOURCE / "__init__.py")


def imports(path):
    """The modules of ours that a file imports, at its top or later, as (room, rest)."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "alambique":
            names = [node.module] if "." in node.module else [f"alambique.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names if alias.name.startswith("alambique.")]
        else:
            continue
        yield from (name.split(".")[1:] for name in names)


def test_every_room_has_a_floor_and_imports_from_lower_floors():
    for path in modules():
        room = path.relative_to(SOURCE).parts[0].removesuffix(".py")
        for other, *_ in imports(path):
            if other != room:
                assert FLOOR[other] < FLOOR[room], f"{path.relative_to(SOURCE)} imports {other}"


def test_stages_do_not_import_each_other():
    for path in modules(SOURCE / "stages"):
        assert not [rest for room, *rest in imports(path) if room == "stages"], path


def test_no_circle_within_a_room():
    graph = {}
    for path in modules():
        parts = path.relative_to(SOURCE).with_suffix("").parts
        graph[parts] = {tuple(names) for names in imports(path) if names[0] == parts[0]}

    def visit(node, above):
        assert node not in above, f"circle: {' → '.join('.'.join(each) for each in (*above, node))}"
        for other in graph.get(node, ()):
            if other != node:
                visit(other, (*above, node))

    for node in graph:
        visit(node, ())


def test_packages_export_nothing():
    for path in SOURCE.rglob("__init__.py"):
        if path.parent not in (SOURCE, SOURCE / "frontend"):
            assert not [node for node in ast.parse(path.read_text("utf-8")).body if not isinstance(node, ast.Expr)], (
                path
            )


def test_files_are_of_a_readable_size():
    for path in modules():
        assert len(path.read_text("utf-8").splitlines()) <= 400, path
