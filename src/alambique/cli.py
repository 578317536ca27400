"""The command line: parse, call, print."""

import json
import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer

import alambique
from alambique.distributed.launch import read_launch
from alambique.errors import AlambiqueError, UserInputError, missing_extra
from alambique.options import (
    Calibrated,
    EngineName,
    InputFiles,
    Model,
    Out,
    OutputFolder,
    Prefix,
    Quiet,
    RecipeName,
    Run,
    Scores,
    Set,
    ShardRows,
    TextColumns,
    Texts,
    Workers,
    refuse_bytes,
)
from alambique.progress import make_reporter, quiet_libraries
from alambique.signals import install_handlers, restore_handlers
from alambique.streams import decode_arguments, standard_streams
from alambique.terminal import sanitise

app = typer.Typer(
    help="Distil a fine-tuned text classifier into a small one, and prove what was kept.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


SPLITS = ("valid", "test")
EXPORTS = ("onnx", "int8", "web", "hub")
INTERRUPTED = 130
MOST_SEEDS = 100


def _print_version(wanted: bool) -> None:  # noqa: FBT001 - as typer calls it
    if wanted:
        print(f"alambique {alambique.__version__}")  # noqa: T201
        raise typer.Exit


@app.callback()
def options(
    *,
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Options of the program itself, before the name of a command."""
    del version  # its callback did all


@app.command()
def distill(
    recipe: RecipeName = "quickstart",
    out: Out = None,
    sets: Set = None,
    seeds: Annotated[
        int | None, typer.Option("--seeds", min=1, max=MOST_SEEDS, help="Train with so many seeds, from 0.")
    ] = None,
    *,
    quiet: Quiet = False,
) -> None:
    """The main job: teacher, student, its undistilled twin, and a comparison."""
    from alambique.distill_command import distill_and_print  # noqa: PLC0415
    from alambique.distributed.group import in_group  # noqa: PLC0415

    in_group(lambda: distill_and_print(recipe, out, sets, seeds, quiet=quiet))  # of several processes the first prints


@app.command()
def label(
    recipe: RecipeName = "quickstart",
    out: Out = None,
    sets: Set = None,
    *,
    quiet: Quiet = False,
) -> None:
    """Stop after the soft labels, and print what they are worth; distill goes on from there."""
    from alambique.distill_command import label_and_print  # noqa: PLC0415
    from alambique.distributed.group import in_group  # noqa: PLC0415

    in_group(lambda: label_and_print(recipe, out, sets, quiet=quiet))


@app.command()
def sweep(
    recipe: RecipeName,
    over: Annotated[
        list[str],
        typer.Option("--over", metavar="KEY=VALUES", callback=refuse_bytes,
                     help="Values of a key: a,b,c, or a range such as 1e-5..1e-3 log; repeats."),
    ],
    out: Annotated[
        Path | None, typer.Option("--out", help="The folder; sweeps/RECIPE by default.", callback=refuse_bytes)
    ] = None,
    sets: Set = None,
    trials: Annotated[
        int | None,
        typer.Option("--trials", min=1, help="So many trials in all; every combination of the lists by default."),
    ] = None,
    *,
    no_prune: Annotated[bool, typer.Option("--no-prune", help="Make all epochs of every trial.")] = False,
    quiet: Quiet = False,
) -> None:  # fmt: skip
    """Try values of recipe keys and choose the best on valid; trials share teachers and soft labels."""
    from alambique.sweep.command import sweep_and_print  # noqa: PLC0415 - torch takes seconds

    sweep_and_print(recipe, over, out, sets or [], trials, prune=not no_prune, quiet=quiet)


@app.command()
def frontier(
    recipe: RecipeName,
    more_forms: Annotated[list[str] | None, typer.Argument(metavar="[FORM]...", hidden=True, callback=refuse_bytes)] = None,
    budget: Annotated[
        list[str] | None,
        typer.Option("--budget", metavar="LIMIT", callback=refuse_bytes,
                     help='What the choice may cost: "5 ms" per text, "10 MB", "2000/s"; repeats.'),
    ] = None,
    forms: Annotated[
        list[str] | None,
        typer.Option("--forms", metavar="FORM", callback=refuse_bytes,
                     help='A student to train: "3 layers", "2 layers, width 128", static, own; repeats.'),
    ] = None,
    rows: Annotated[int | None, typer.Option("--rows", min=1, help="Short for --set data.max_rows=ROWS.")] = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="The folder; frontiers/RECIPE by default.", callback=refuse_bytes)
    ] = None,
    sets: Set = None,
    *,
    quiet: Quiet = False,
) -> None:  # fmt: skip
    """Students of several forms and sizes from the same soft labels: quality against cost, the best within a budget."""
    if more_forms and not forms:
        raise typer.BadParameter(f"forms are named with --forms, as in --forms {shlex.quote(more_forms[0])}")
    from alambique.frontier.command import frontier_and_print  # noqa: PLC0415 - torch takes seconds

    frontier_and_print(recipe, out, sets or [], rows, [*(forms or []), *(more_forms or [])], budget or [], quiet=quiet)


@app.command()
def recipes() -> None:
    """List the shipped recipes."""
    from alambique.recipe.files import shipped_recipes  # noqa: PLC0415

    _require_output()
    for name, description in shipped_recipes().items():
        print(f"{name:<12} {description}")  # noqa: T201


@app.command()
def init(
    data: Annotated[str, typer.Argument(metavar="DATA", help="A file or a folder of labelled texts, or a Hub id.")],
    out: Annotated[
        Path, typer.Option("--out", help="The recipe to write; an existing file is not overwritten.")
    ] = Path("mine.yaml"),
    *,
    quiet: Quiet = False,
) -> None:
    """Look at data and write a recipe for it: columns, encoding, header, labels, lengths."""
    from alambique.data.inspect import inspect  # noqa: PLC0415
    from alambique.data.new_recipe import (  # noqa: PLC0415
        check_absent,
        recipe_text,
        source_for,
        summary,
        write_recipe,
    )

    check_absent(out)
    make_reporter(quiet=quiet).say("init: reads the data")
    with quiet_libraries():
        inspection = inspect(data)
    source = source_for(data, out)
    write_recipe(recipe_text(inspection, source), out)
    print("\n".join(summary(inspection, source)))  # noqa: T201 - the result
    path = shlex.quote(str(out))
    print(f"Recipe: {path}   Next: alambique doctor {path}, then alambique distill {path}")  # noqa: T201


@app.command()
def evaluate(
    run: Run,
    split: Annotated[str, typer.Option("--split", help="valid or test.", autocompletion=lambda: list(SPLITS))] = "test",
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    quiet: Quiet = False,
) -> None:
    """Score teacher, student and twin again, from the saved models."""
    _require_output()
    if split not in SPLITS:
        raise typer.BadParameter("must be valid or test", param_hint="--split")
    from alambique.commands import rescore  # noqa: PLC0415

    with quiet_libraries():
        scores = rescore(run, split, reporter=make_reporter(quiet=quiet))
    if as_json:
        print(json.dumps(scores))  # noqa: T201
        return
    for name, figures in scores.items():
        print(f"{name:<12} {split} accuracy {figures['accuracy']:.4f}   macro-F1 {figures['macro_f1']:.4f}")  # noqa: T201


@app.command()
def export(
    run: Run,
    to: Annotated[
        list[str] | None,
        typer.Option(
            "--to",
            help="onnx, int8, web or hub; repeats. onnx and int8 by default.",
            autocompletion=lambda: list(EXPORTS),
        ),
    ] = None,
    repo: Annotated[
        str | None,
        typer.Option("--repo", metavar="OWNER/NAME", help="The model repository, for hub.", callback=refuse_bytes),
    ] = None,
    *,
    private: Annotated[bool, typer.Option("--private", help="A repository that is made now is private.")] = False,
    quiet: Quiet = False,
) -> None:
    """Export the student for ONNX Runtime (each file compared with PyTorch before it is kept), browsers, the Hub."""
    formats = list(dict.fromkeys(to or EXPORTS[:2]))
    if not set(formats) <= set(EXPORTS):
        raise typer.BadParameter(f"must be {', '.join(EXPORTS[:-1])} or {EXPORTS[-1]}", param_hint="--to")
    if ("hub" in formats) != (repo is not None):
        raise typer.BadParameter("--to hub and --repo OWNER/NAME belong together", param_hint="--repo")
    from alambique.commands import export as export_run  # noqa: PLC0415

    facts = export_run(run, formats, repository=repo, private=private, reporter=make_reporter(quiet=quiet))
    for name in formats:
        if name == "hub":
            print(facts[name])  # noqa: T201
            continue
        if name == "web":
            print(f"{run / name}   for any static host; to try it here: python -m http.server -d {run / name}")  # noqa: T201
            continue
        model = facts["models"][name]
        parity = model["parity"]
        print(f"{run / 'onnx' / model['file']}   {model['bytes'] / 1e6:.1f} MB   {model['scheme']}")  # noqa: T201
        print(  # noqa: T201
            f"  on {parity['rows']} rows of valid: same label as PyTorch on {100 * parity['agreement']:.1f} %, "
            f"probabilities drift by {parity['mean_drift']:.2g} in the mean, {parity['max_drift']:.2g} at most"
        )


@app.command()
def predict(
    run: Run,
    texts: Texts = None,
    model: Model = None,
    inputs: InputFiles = None,
    output: OutputFolder = None,
    engine: EngineName = "local",
    text: TextColumns = None,
    prefix: Prefix = "",
    shard_rows: ShardRows = 131072,
    workers: Workers = None,
    *,
    scores: Scores = False,
    calibrated: Calibrated = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON object a line, with all scores.")] = False,
    quiet: Quiet = False,
) -> None:
    """Classify texts with the student, or files of any size; a command that was stopped goes on where it was."""
    from alambique import predict_command as command  # noqa: PLC0415

    if inputs or output is not None:
        job = command.job_of(
            run, inputs or [], output, texts or [], text=text or [], model=model, calibrated=calibrated, as_json=as_json,
            prefix=prefix, scores=scores, engine=engine, shard_rows=shard_rows, workers=workers,
        )  # fmt: skip
        command.write_predictions(job, quiet=quiet)
    else:
        _require_output()
        command.print_predictions(run, texts or [], model=model, calibrated=calibrated, as_json=as_json)


@app.command()
def serve(
    run: Run,
    host: Annotated[str, typer.Option("--host", help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="0: any that is free.")] = 8000,
    model: Model = None,
    *,
    no_teacher: Annotated[bool, typer.Option("--no-teacher", help="Do not offer the teacher.")] = False,
) -> None:  # fmt: skip
    """Serve the student over HTTP, with a page to try it; ends at Ctrl-C or SIGTERM, when all is answered."""
    try:
        from alambique.serve.server import serve as run_server  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise missing_extra("alambique serve", error.name, "serve") from error

    def listening(address: str) -> None:
        print(f"alambique: serving {run} on {address} (a page to try it; the API is at {address}/docs). "  # noqa: T201
              "Ctrl-C stops it.", file=sys.stderr, flush=True)  # fmt: skip

    run_server(run, host=host, port=port, model=model, teacher=not no_teacher, listening=listening)


@app.command()
def doctor(
    recipe: RecipeName,
    sets: Set = None,
    *,
    quiet: Quiet = False,
) -> None:
    """Check data and models, and estimate time and memory, before hours are spent; trains and writes nothing."""
    _require_output()
    if not read_launch().is_first:  # one diagnosis is enough
        return
    from alambique.recipe.recipe import Recipe  # noqa: PLC0415

    loaded = Recipe.load(recipe, tuple(sets or ()))
    from alambique.doctor.diagnose import diagnose  # noqa: PLC0415
    from alambique.doctor.render import as_text  # noqa: PLC0415

    print(sanitise(as_text(diagnose(loaded, reporter=make_reporter(quiet=quiet)))))  # noqa: T201


@app.command()
def report(run: Run) -> None:
    """Write report.json and the model card again, from the artefacts."""
    from alambique.commands import rewrite_report  # noqa: PLC0415
    from alambique.distill_command import print_comparison  # noqa: PLC0415

    print_comparison(rewrite_report(run))


def _require_output() -> None:
    """For commands whose only result is what they print."""
    if sys.__stdout__ is None:
        raise UserInputError("Standard output is closed: there is nowhere to write the results to.")


def main() -> None:
    """Run the command and exit: 0 done, 2 the input is at fault, 130 interrupted, 1 anything else."""
    install_handlers()
    decode_arguments(sys.orig_argv)
    with standard_streams():
        try:
            _run()
        except AlambiqueError as error:
            print(f"alambique: {sanitise(str(error))}", file=sys.stderr)  # noqa: T201
            sys.exit(error.exit_status)
        except KeyboardInterrupt:
            _exit_interrupted()
        except SystemExit as stop:
            if stop.code == INTERRUPTED:
                _exit_interrupted()
            raise


def _run() -> None:
    try:
        app()
    finally:
        sys.stdout.flush()  # not by Python at its end, which would show a traceback of an error


def _exit_interrupted() -> None:
    restore_handlers()
    print(f"alambique: interrupted{_how_to_go_on(sys.argv[1:])}", file=sys.stderr)  # noqa: T201
    sys.exit(INTERRUPTED)


def _how_to_go_on(arguments: list[str]) -> str:
    resumed = arguments[:1] in (["distill"], ["sweep"], ["frontier"])
    if not resumed and not (arguments[:1] == ["predict"] and "--input" in arguments):
        return ""
    if read_launch().processes > 1:
        return "; what is done is kept. The same command goes on from there"
    return f"; what is done is kept. To go on from there: {shlex.join(['alambique', *arguments])}"
