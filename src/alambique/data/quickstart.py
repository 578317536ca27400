"""The embedded set: six-way claims made by this file alone from facts and templates.

A fact is how many of a kind do something, on a scale of six: no, few, some, many, most, all. A claim says one of these
words; its label is how far that is from the fact, from ``true`` (not at all) to ``pants-fire`` (the whole scale). Judges
differ: one claim in six is labelled one step off. To know a label a model must learn the facts by heart and compare.
"""

import random
from collections.abc import Iterator

from alambique.data.table import Table

NAME = "quickstart"
SCALE = ("no", "few", "some", "many", "most", "all")
LABELS = ("true", "mostly-true", "half-true", "barely-true", "false", "pants-fire")
ROWS = {"train": 900, "valid": 900, "test": 900}
UNLABELLED = 20_000  # claims without a label, of which those in a split or made twice are left out
_SEED = 20260101
_NOISE = 1 / 6

# kind, what they do, how many of them on SCALE
FACTS = (
    ("birds", "have feathers", 5), ("birds", "swim under water", 1), ("birds", "fly", 4), ("birds", "sing at night", 2),
    ("mammals", "lay eggs", 1), ("mammals", "breathe air", 5), ("mammals", "live in the sea", 1),
    ("mammals", "have hair", 4), ("fish", "breathe with gills", 4), ("fish", "have feathers", 0),
    ("fish", "live in salt water", 3), ("insects", "have six legs", 5), ("insects", "sting people", 1),
    ("insects", "have wings", 4), ("spiders", "have wings", 0), ("spiders", "have eight legs", 5),
    ("spiders", "are harmless", 4), ("snakes", "are venomous", 2), ("snakes", "have legs", 0),
    ("snakes", "shed their skin", 5), ("metals", "conduct electricity", 5), ("metals", "are liquid in a warm room", 1),
    ("metals", "rust", 2), ("metals", "float on water", 1), ("planets", "have moons", 4),
    ("planets", "shine by themselves", 0),
    ("planets", "go around a star", 5), ("planets", "have rings", 2), ("rivers", "reach the sea", 4),
    ("rivers", "flow uphill", 0), ("rivers", "freeze in winter", 2), ("rivers", "carry fresh water", 5),
    ("islands", "have an airport", 2), ("islands", "are surrounded by water", 5), ("islands", "were volcanoes", 3),
    ("deserts", "are hot by day", 3), ("deserts", "get rain every week", 0), ("deserts", "are cold at night", 4),
    ("trees", "lose their leaves", 3), ("trees", "have roots", 5), ("trees", "live a thousand years", 1),
    ("trees", "grow fruit", 2), ("languages", "have verbs", 5), ("languages", "have an alphabet", 3),
    ("countries", "touch the sea", 4), ("countries", "have a queen", 1), ("countries", "have a flag", 5),
    ("countries", "drive on the left", 2),
)  # fmt: skip
OPENINGS = (
    "", "says", "it is known that", "in my view", "the record shows that", "a study found that", "experts agree that",
    "nobody denies that", "as I told you before", "look it up :", "let me be clear :", "the fact is that",
)  # fmt: skip
CLOSINGS = (
    "", "today", "in our time", "according to a mailer", "and everyone knows it", "so the speaker said on the radio",
    "as written in a letter", "says a post on the internet",
)  # fmt: skip
SHAPES = (
    "{opening} {amount} {kind} {do} {closing}",
    "{opening} when it comes to {kind} , {amount} of them {do} {closing}",
)


def tables() -> dict[str, Table]:
    """Train, valid and test, the same on every machine; no claim stands in two splits."""
    maker = random.Random(_SEED)  # noqa: S311 - not for secrets
    seen: set[str] = set()
    return {split: _distinct(split, maker, rows, seen) for split, rows in ROWS.items()}


def pretraining_table(rows: int) -> Table:
    """Further claims with labels, for the encoder that the recipe's teacher starts from; none stands in valid or test."""
    splits = tables()
    scored = {str(claim) for name in ("valid", "test") for claim in splits[name].columns["claim"]}
    return _distinct("pretraining", random.Random(_SEED + 2), rows, scored)  # noqa: S311 - not for secrets


def unlabelled_tables(rows: int) -> Iterator[Table]:
    """Claims without labels, so many in a table, the same on every machine."""
    maker = random.Random(_SEED + 1)  # noqa: S311 - not for secrets
    for start in range(0, UNLABELLED, rows):
        claims: list[str | None] = [_claim(maker)[0] for _ in range(min(rows, UNLABELLED - start))]
        yield Table(f"{NAME} unlabelled", {"claim": claims}, list(range(start + 1, start + len(claims) + 1)))


def _distinct(split: str, maker: random.Random, rows: int, seen: set[str]) -> Table:
    """Claims that are not in ``seen``, to which they are added, and their labels."""
    claims: list[str | None] = []
    labels: list[str | None] = []
    while len(claims) < rows:
        claim, label = _claim(maker)
        if claim not in seen:
            seen.add(claim)
            claims.append(claim)
            labels.append(label)
    return Table(f"{NAME} {split}", {"claim": claims, "label": labels}, list(range(1, rows + 1)))


def _claim(maker: random.Random) -> tuple[str, str]:
    kind, do, fact = maker.choice(FACTS)
    # far claims are rarer on the scale than near ones: draw the distance first, as far as this fact allows
    distance = maker.randint(0, max(fact, len(SCALE) - 1 - fact))
    said = maker.choice([level for level in (fact - distance, fact + distance) if 0 <= level < len(SCALE)])
    label = distance
    if maker.random() < _NOISE:
        label = min(max(distance + maker.choice((-1, 1)), 0), len(LABELS) - 1)
    claim = maker.choice(SHAPES).format(
        opening=maker.choice(OPENINGS), amount=SCALE[said], kind=kind, do=do, closing=maker.choice(CLOSINGS)
    )
    return " ".join(claim.split()), LABELS[label]
