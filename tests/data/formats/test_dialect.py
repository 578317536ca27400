"""The delimiter, the quotes and the blanks of a delimited file."""

from pathlib import Path

import pytest

from alambique.data.formats.content import Text
from alambique.data.formats.dialect import Chooser, Dialect, RowError


def choose(held, **known):
    return Chooser(Text(Path("a.csv"), held.encode(), "utf-8"), **known).choose()


def facts(held, **known):
    dialect = choose(held, **known).dialect
    return dialect.delimiter, dialect.quoted, dialect.blank_after, dialect.skip


@pytest.mark.parametrize(
    ("held", "delimiter"),
    [
        ("text,label\na,x\nb,y\n", ","),
        ("text;label\na, b;x\nc;y\n", ";"),
        ("text\tlabel\na, b; c\tx\n", "\t"),
        ("text|label\na, b; c|x\n", "|"),
        ("id;text, raw;label\n1;a;x\n2;b, c;y\n", ";"),  # a comma in a name
        ("text\nlabel\n", "\t"),  # one column, whatever stands between
        ('text,label\n"a;b",x\n"c;d",y\n', ","),  # as many under the semicolon, but quotes in cells
        ("text,label\nwell; then,x\nso; be it,y\n", ","),
    ],
)
def test_the_delimiter_under_which_rows_have_one_number_of_fields(held, delimiter):
    fit = choose(held, wanted=("text", "label"))
    assert fit.dialect.delimiter == delimiter
    assert fit.share == 1


def test_the_number_of_names_decides_where_there_is_no_header():
    held = "well, a lamp;bad\nno, a door;good\n"
    assert facts(held, columns=("text", "label")) == (";", True, False, 0)
    assert facts("a;1,b\nc;2,d\n", columns=("a", "b", "c"), usual=",") == (
        ",",
        True,
        False,
        0,
    )  # none fits: the usual one


def test_of_delimiters_that_fit_the_one_with_the_wanted_names_wins():
    held = "a,text;label\n1,one;x\n2,two;y\n"
    assert facts(held, wanted=("a", "text;label"))[0] == ","
    assert facts(held, wanted=("a,text", "label"))[0] == ";"


def test_the_ending_of_the_name_decides_between_equals():
    held = "text,a;label\nx,1;y\n"
    assert facts(held, usual=",", wanted=("text", "a;label"))[0] == ","


@pytest.mark.parametrize("line", ["sep=;\n", "sep=;\r\n", '"sep=;"\n', "SEP=;\n", "sep=;,,\n"])
def test_the_first_line_of_excel_says_the_delimiter(line):
    assert facts(line + "text;label\na, b;x\n") == (";", True, False, 1)


def test_excel_may_say_a_tab_or_a_strange_delimiter():
    assert facts("sep=\t\ntext\tlabel\na\tx\n")[0] == "\t"
    assert facts("sep=^\ntext^label\na, b^x\n") == ("^", True, False, 1)


@pytest.mark.parametrize(
    ("held", "blank"),
    [
        ('text, label\n"a, b", x\n', True),
        ("text, label\na, x\nb, y\n", True),
        ("text,label\na, x\nb,y\n", False),  # one blank is a character of its cell
        ('text,label\na, "b"\nc,d\n', True),  # else the cell would keep its quotes
        ('text,label\n"so, he said, ""no""",x\n', False),
    ],
)
def test_blanks_after_delimiters_belong_to_them_where_all_rows_have_them(held, blank):
    assert choose(held).dialect.blank_after is blank


@pytest.mark.parametrize(
    ("held", "quoted", "odd"),
    [
        ('text\tlabel\n"a ""b"""\tx\nc\ty\n', True, 0),
        ('text\tlabel\n"two\nlines"\tx\nb\ty\n', True, 0),
        ('text\tlabel\nsay "no"\tx\n', False, 0),
        ('text\tlabel\n"all"\tx\nb\ty\n', False, 0),
        ('text\tlabel\n"a ""b"""\tx\nsay "no"\ty\n', False, 1),
        ("text\tlabel\na\tx\n", False, 0),
    ],
)
def test_quotes_of_tab_separated_files(held, quoted, odd):
    dialect = choose(held, usual="\t").dialect
    assert (dialect.delimiter, dialect.quoted, dialect.odd_quotes) == ("\t", quoted, odd)


def test_rows_that_do_not_fit_lower_the_share():
    fit = choose("text,label\na,x\nb, c,y\nd,z\n", usual=",")
    assert (fit.dialect.delimiter, fit.fields, fit.share) == (",", 2, 2 / 3)


@pytest.mark.parametrize(
    ("held", "fields"),
    [("text,label\n1,a,x\n2,b,y\n", 3), ("text,label,,\na,x\nb,y\n", 2), ("text,label\na,x,\nb,y,\n", 3)],
)  # fmt: skip
def test_rows_may_have_one_field_more_than_the_header_or_lack_blank_ones(held, fields):
    fit = choose(held, usual=",")
    assert (fit.fields, fit.share) == (fields, 1)


# ---- rows


def test_rows_have_the_number_of_their_first_line():
    rows = Dialect(",").rows(['"a\n', 'b",x\n', "\n", "c,y\n"])
    assert list(rows) == [(1, ["a\nb", "x"]), (4, ["c", "y"])]


def test_rows_after_skipped_lines():
    lines = ["sep=;\n", "a;x\n", "  \n", "b;y"]
    assert list(Dialect(";", quoted=False, skip=1).rows(lines)) == [(2, ["a", "x"]), (4, ["b", "y"])]


@pytest.mark.parametrize(
    ("lines", "line", "reason"),
    [
        (["a,x\n", '"b,y\n', "c,z\n"], 2, "unexpected end of data"),
        (["a,x\n", '"b" c,y\n'], 2, "',' expected after '\"'"),
    ],
)
def test_a_row_that_cannot_be_read_has_its_line(lines, line, reason):
    with pytest.raises(RowError) as caught:
        list(Dialect(",").rows(lines))
    assert (caught.value.line, str(caught.value)) == (line, reason)
