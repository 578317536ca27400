"""What LIAR is: columns, labels in order, groups (Wang 2017, "Liar, Liar Pants on Fire")."""

LABELS = ("pants-fire", "false", "barely-true", "half-true", "mostly-true", "true")
COUNTS = (
    "barely_true_counts", "false_counts", "half_true_counts", "mostly_true_counts", "pants_on_fire_counts",
)  # fmt: skip
COLUMNS = ("id", "label", "statement", "subject", "speaker", "job", "state", "party", *COUNTS, "context")
# the Hub's names of three columns
HUB_NAMES = {"job_title": "job", "state_info": "state", "party_affiliation": "party"}
GROUPS = {
    "six": {name: name for name in LABELS},
    "three": {
        "true": "true", "mostly-true": "true", "half-true": "no-basis", "barely-true": "no-basis", "false": "false",
        "pants-fire": "false",
    },
    "two": {
        "true": "true", "mostly-true": "true", "half-true": "true", "barely-true": "false", "false": "false",
        "pants-fire": "false",
    },
}  # fmt: skip
ORDERS = {"six": LABELS, "three": ("false", "no-basis", "true"), "two": ("false", "true")}


def is_liar_row(fields: list[str]) -> bool:
    """Whether a row is of LIAR's headerless files: 14 columns, the second a label."""
    return len(fields) == len(COLUMNS) and fields[1] in LABELS


def is_liar(columns: set[str]) -> bool:
    """Whether a table's columns (renamed by :data:`HUB_NAMES`) are LIAR's."""
    return columns == set(COLUMNS)
