"""The sentence and the tiles at the head of the page."""

from report_samples import full_report, plain_report, typed, unmeasured_report

from alambique.report.headline import Tile, student_sentence, tiles


def test_what_the_student_keeps_and_saves():
    assert student_sentence(typed(full_report())) == (
        "The student keeps 95.0 % of the teacher's macro-F1 (90.0 to 100.0 %), has 75 % fewer parameters and answers 2.5 "
        "times as fast."
    )


def test_what_is_null_is_left_out():
    assert student_sentence(typed(plain_report())) == "The student has 75 % fewer parameters."
    raw = full_report()
    raw["models"]["teacher"]["parameters"] = 0
    raw["verdict"]["retention"] |= {"mean": None, "low": None, "high": None}
    assert student_sentence(typed(raw)) == "The student answers 2.5 times as fast."
    raw["models"]["student"]["latency_ms"] = {"p50": None, "p99": None}
    assert student_sentence(typed(raw)) == ""
    assert [tile.name for tile in tiles(typed(raw))] == ["Gain", "Teacher retained"]
    assert tiles(typed(raw))[1] == Tile("Teacher retained", None, "of its macro-F1; no interval")


def test_sizes():
    raw = plain_report()
    for parameters, words, size in (
        (1000, "is as large as the teacher", "100 %"),
        (1100, "has 10 % more parameters", "110 %"),
        (5, "has 99.5 % fewer parameters", "0.5 %"),
    ):
        raw["models"]["student"]["parameters"] = parameters
        assert student_sentence(typed(raw)) == f"The student {words}."
        assert tiles(typed(raw)) == [Tile("Size", size, f"{parameters:,} of 1,000 parameters")]


def test_tiles_of_a_full_report():
    assert tiles(typed(full_report())) == [
        Tile("Gain", "+2.0", "points of macro-F1; -1.0 to +5.0"),
        Tile("Teacher retained", "95.0 %", "of its macro-F1; 90.0 to 100.0"),
        Tile("Size", "25 %", "250 of 1,000 parameters"),
        Tile("Speed", "2.5 ×", "12.0 ms per text, teacher 30.0 ms"),
    ]


def test_without_an_undistilled_student():
    assert student_sentence(typed(unmeasured_report())) == (  # what it keeps is in the verdict's own sentence
        "The student has 75 % fewer parameters and answers 2.5 times as fast."
    )
    assert [tile.name for tile in tiles(typed(unmeasured_report()))] == ["Teacher retained", "Size", "Speed"]
