"""The structure of the package: imports point one way, stages know nothing of each other, every module has its test."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "alambique"
# from the foundation up: a room imports from lower floors only
FLOORS = (
    {"errors"},
    {"findings", "progress", "terminal", "signals", "streams", "cpu", "hub", "frontend", "losses"},
    {"distributed"},
    {"recipe"},
    {"run"},
    {"artefacts"},
    {"models"},
    {"data", "evaluation"},
    {"inference", "training"},
    {"export", "report", "serve", "batch_prediction"},
    {"stages"},
    {"preparation"},
    {"pipeline"},
    {"trials"},
    {"doctor", "commands", "distill_command", "predict_command", "sweep", "frontier"},
    {"options"},
    {"cli"},
    {"__main__"},
)
FLOOR = {room: floor for floor, rooms in enumerate(FLOORS) for room in rooms}
# why a module has no test file of its name; each names the tests that cover it
REASONS = {
    "__main__": "two lines, which tests/test_cli.py runs in a process of its own",
    "batch_prediction/decisions": "columns of files: tests/batch_prediction/test_worker.py, tests/test_multi_label.py",
    "batch_prediction/layout": "names alone; exact file sets: tests/batch_prediction/test_predict_files.py",
    "distributed/ray_tasks": "what workers are given, and errors in its place: tests/distributed/test_ray_workers.py",
    "evaluation/label_baselines": "asked for by the task: tests/evaluation/test_multi_label.py",
    "evaluation/label_f1": "figures beside each other: tests/evaluation/test_label_metrics.py",
    "evaluation/label_rankings": "figures beside each other: tests/evaluation/test_label_metrics.py",
    "evaluation/task": "the base of tasks, all of which are held to it: tests/evaluation/test_tasks.py",
    "export/quantization/graph": "a step of quantize: tests/export/quantization/test_quantize.py",
    "export/quantization/search": "finds a scheme that passes the parity gate of a stage: tests/stages/test_export.py",
    "frontier/collect": "points with all figures: tests/frontier/test_build.py",
    "frontier/command": "what the command prints and refuses: tests/frontier/test_build.py",
    "frontier/form_run": "the run of a form, with what it leaves out: tests/frontier/test_build.py",
    "frontier/page": "read from the page of a frontier: tests/frontier/test_words.py",
    "frontier/plots": "pictures as they stand on the page: tests/frontier/test_words.py",
    "frontier/result": "figures and sentences of a result: tests/frontier/test_words.py",
    "frontier/variant": "files that are measured and shipped: tests/frontier/test_build.py",
    "inference/answering": "the base of sources of answers, all of which are held to it: tests/test_answering_teachers.py",
    "inference/from_file": "hands on what data/probabilities reads: tests/test_answering_teachers.py",
    "inference/onnx_model": "compared with PyTorch by the parity gate: tests/stages/test_export.py",
    "inference/sources": "which source a recipe names: tests/test_answering_teachers.py, tests/inference/test_zero_shot.py",
    "models/static_config": "declarations; with the model: tests/models/test_static_model.py",
    "models/static_layout": "constants of two programs that are compared: tests/inference/test_static_student.py",
    "models/static_student": "a form of student in whole runs: tests/stages/test_token_vectors.py",
    "losses/no_label": "a constant, used wherever labels are: tests/losses/test_mixture.py",
    "losses/contract": "the base of losses, all of which are held to it: tests/losses/test_prediction.py",
    "recipe/data_values": "what they accept and refuse is that of whole recipes: tests/recipe/test_recipe.py",
    "recipe/problems": "its messages are those of whole recipes: tests/recipe/test_recipe.py",
    "options": "what commands accept and refuse: tests/test_cli.py",
    "distill_command": "what the command prints: tests/test_cli.py, tests/test_pipeline.py",
    "predict_command": "what the command prints: tests/batch_prediction/test_predict_files.py, tests/test_cli.py",
    "preparation": "what comes before the first stage of a run: tests/test_pipeline.py",
    "recipe/decide": "what it accepts and refuses in whole recipes: tests/test_decide.py",
    "recipe/distillation": "declarations; accepted and refused in whole recipes: tests/recipe/test_recipe.py",
    "recipe/soft_labels": "declarations; what the keys do is tested in tests/test_folds.py",
    "recipe/reference": "its page is compared with the committed one: tests/test_docs.py",
    "recipe/section": "the base of sections, which whole recipes are made of: tests/recipe/test_recipe.py",
    "recipe/sections": "declarations; what they accept and refuse is that of whole recipes: tests/recipe/test_recipe.py",
    "training/rows": "rows that a training is given: tests/training/test_fit.py, tests/stages/test_unlabelled.py",
    "report/label_plots": "pictures as they stand on the page: tests/report/test_label_sets.py",
    "report/collect": "the report of a run, figure by figure: tests/test_pipeline.py",
    "report/plots": "pictures as they stand on the page: tests/report/test_html.py, tests/report/test_html_in_browser.py",
    "report/decision_parts": "a part of the schema: tests/test_decide.py",
    "report/decision_report": "figures in the report of a run: tests/test_decide.py",
    "report/export_report": "a part of the schema: tests/report/test_schema.py",
    "report/model_report": "a part of the schema: tests/report/test_schema.py",
    "report/parts": "a part of the schema: tests/report/test_schema.py",
    "report/results": "what the report is made from: tests/test_pipeline.py",
    "report/soft_label_report": "a part of the schema, figure by figure: tests/test_folds.py, tests/test_teacher_list.py",
    "report/teacher_notes": "sentences in the report of a run: tests/test_answering_teachers.py, tests/test_teacher_list.py",
    "report/vocabulary_notes": "a sentence in the report of a run: tests/stages/test_vocabulary.py",
    "stages/soft_labels": "labels of several teachers and folds: tests/test_folds.py, tests/test_teacher_list.py",
    "stages/vocabulary_parity": "what a whole run says of it: tests/stages/test_vocabulary.py",
    "report/verdict_report": "a part of the schema: tests/report/test_schema.py",
    "run/work": "the life of a stage's folder: tests/run/test_folder.py",
    "run/layout": "names alone; the exact files of a run are listed by tests/test_pipeline.py",
    "serve/api_docs": "asked for over HTTP: tests/serve/test_service.py",
    "serve/app": "asked over HTTP: tests/serve/test_service.py",
    "serve/limits": "answers over HTTP: tests/serve/test_service.py",
    "serve/schema": "compared with the answers over HTTP: tests/serve/test_service.py",
    "serve/server": "started and stopped as a process: tests/serve/test_service.py",
    "stages/answers": "a stage of a run: tests/test_answering_teachers.py",
    "stages/benchmark": "a stage of a run: tests/test_pipeline.py",
    "stages/data": "a stage of a run: tests/test_pipeline.py",
    "stages/predictions": "a stage of a run: tests/test_pipeline.py",
    "stages/tokens": "a stage of a run: tests/test_pipeline.py",
    "sweep/command": "what the command prints: tests/sweep/test_search.py",
    "sweep/page": "read from the page of a sweep: tests/sweep/test_words.py",
    "sweep/plots": "pictures as they stand on the page: tests/sweep/test_words.py",
    "sweep/result": "figures and sentences of a result: tests/sweep/test_words.py",
    "trials/folder": "folders of both commands: tests/sweep/test_folder.py, tests/frontier/test_folder.py",
    "trials/page": "pages of both commands: tests/sweep/test_words.py, tests/frontier/test_words.py",
    "training/prepare": "what a training is made of: tests/training/test_fit.py, tests/training/test_group_trainer.py",
    "training/dataset": "rows as a training reads them: tests/training/test_fit.py",
}


def modules(folder=SOURCE):
    return sorted(path for path in folder.rglob("*.py") if path != SOURCE / "__init__.py")


def imports(path):
    """The modules of ours that a file imports, at its top or later, as (room, rest)."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "alambique":
            is_package = (SOURCE.parent / node.module.replace(".", "/")).is_dir()
            names = [f"{node.module}.{alias.name}" for alias in node.names] if is_package else [node.module]
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


def test_every_module_has_a_test_file_of_its_name_or_a_reason():
    names = {path.relative_to(SOURCE).with_suffix("").as_posix() for path in modules() if path.name != "__init__.py"}
    tested = {name for name in names if own_test(name).is_file()}
    assert names - tested - set(REASONS) == set(), "write a test file of the module's name, or give a reason"
    assert set(REASONS) & tested == set(), "it has a test file now: take the reason away"
    assert set(REASONS) - names == set(), "there is no such module"


def own_test(name):
    folder, _, module = name.rpartition("/")
    return ROOT / "tests" / folder / f"test_{module}.py"


def test_reasons_name_tests_that_are_there():
    for name, reason in REASONS.items():
        paths = re.findall(r"tests/[\w/]+\.py", reason)
        assert paths, name
        assert [path for path in paths if not (ROOT / path).is_file()] == [], name
