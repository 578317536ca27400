"""The comparison as a table for the terminal."""

from typing import Any

from rich.table import Table

from alambique.report.model_card import NAMES


def sentence(report: dict[str, Any]) -> str:
    """The verdict in one sentence, and in a second one what a single seed cannot tell."""
    verdict = report["verdict"]
    gain = verdict["gain"]
    answer = {
        "yes": "Distillation helped",
        "no": "Distillation hurt",
        "not shown": "It is not shown that distillation helped",
    }
    one_seed = verdict["counts"] == "rows only"
    return (
        f"{answer[verdict['helped']]}: {100 * gain['mean']:+.1f} points of macro-F1 on test over the undistilled student "
        f"(95 % interval {100 * gain['low']:+.1f} to {100 * gain['high']:+.1f}, over {verdict['counts']})."
        + (" Another seed may say otherwise: --seeds 5 would tell." if one_seed else "")
    )


def comparison(report: dict[str, Any]) -> Table:
    """One row a model: size and quality on valid and test, in percent."""
    several = len(report["seeds"]["all"]) > 1
    table = Table(
        title=None,
        caption="percent" + (f", means over {len(report['seeds']['all'])} seeds" if several else ""),
        caption_justify="left",
    )
    table.add_column("model", no_wrap=True)
    for column in ("parameters", "valid acc", "valid F1", "test acc", "test F1", "agrees"):
        table.add_column(column, justify="right", no_wrap=True)
    for name, model in report["models"].items():
        shown = [model[split][metric]["mean"] for split in ("valid", "test") for metric in ("accuracy", "macro_f1")]
        shown.append(model["test"]["agreement_with_teacher"]["mean"])
        table.add_row(NAMES[name], f"{model['parameters']:,}", *(f"{100 * value:.1f}" for value in shown))
    return table
