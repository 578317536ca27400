"""From matplotlib's SVG to an element of the page."""

import re

import pytest
from matplotlib import rc_context
from report_samples import LABELS

from alambique.report.plots import INK, LINE, VARIABLES, canvas, svg_element
from alambique.report.svg import inline_svg, showable

GOLDEN = (
    '<svg class="picture" viewBox="0 0 36 18" role="img" aria-label="A line &lt;and&gt; a word"><title>A line &lt;and&gt; a '
    'word</title><g> <g> <path d="M 0 18 L 36 18 L 36 0 L 0 0 L 0 18 z " style="fill: none"/> </g> <g> <g> <path d="M 0 18 '
    'L 36 0 " clip-path="url(#tiny-ID)" style="fill: none; stroke: var(--line); stroke-width: 1.6; stroke-linecap: square"/>'
    ' </g> <g> <text style="font-size: 9px; text-anchor: start; fill: currentColor" x="9" y="9" transform="rotate(-0 9 9)">'
    'word</text> </g> </g> </g> <defs> <clipPath id="tiny-ID"> <rect x="0" y="0" width="36" height="18"/> </clipPath> '
    "</defs> </svg>"
)

pytestmark = pytest.mark.usefixtures("drawn_figures")


def test_a_tiny_figure():
    """Written anew when matplotlib writes SVG otherwise; its ids are hashes."""
    with canvas(0.5, 0.25) as (figure, axes):
        figure.set_layout_engine("none")
        axes.set_axis_off()
        axes.set_position((0, 0, 1, 1))
        axes.plot([0, 1], [0, 1], color=LINE)
        axes.set(xlim=(0, 1), ylim=(0, 1))
        axes.text(0.25, 0.5, "word", color=INK)
        drawn = svg_element(figure, "tiny", "A line <and> a word")
    ids = set(re.findall(r'id="tiny-(\w+)"', drawn))
    assert len(ids) == 1
    assert drawn.replace(ids.pop(), "ID") == GOLDEN


def test_each_change_to_a_drawing():
    drawing = """<?xml version="1.0"?>
<!DOCTYPE svg>
<svg xmlns:xlink="x" width="9pt" viewBox="0 0 9 4" version="1.1">
 <metadata>
  <date>today</date>
 </metadata>
 <defs>
  <style type="text/css">*{stroke-linejoin: round}</style>
 </defs>
 <!-- a -- comment -->
 <g id="figure_1">
  <defs>
   <path id="m1.2" d="M 0 0"/>
  </defs>
  <use xlink:href="#m1.2" style="fill: #010201; stroke: #010203" clip-path="url(#p_3)"/>
  <text style="font-size: 9px; font-family: 'DejaVu Sans', sans-serif; text-anchor: end">id=&quot;#010201&quot;</text>
 </g>
</svg>
"""
    colours = {"#010201": "currentColor", "#010203": "var(--heat)"}
    assert inline_svg(drawing, name="n", title='"t"\x00', colours=colours) == (
        '<svg class="picture" viewBox="0 0 9 4" role="img" aria-label="&quot;t&quot;\ufffd"><title>&quot;t&quot;\ufffd'
        '</title><g> <defs> <path id="n-m1.2" d="M 0 0"/> </defs> <use href="#n-m1.2" style="fill: currentColor; stroke: '
        'var(--heat)" clip-path="url(#n-p_3)"/> <text style="font-size: 9px; text-anchor: end">id=&quot;currentColor&quot;'
        "</text> </g> </svg>"
    )


def test_the_users_own_style_changes_nothing():
    def drawn():
        with canvas(1, 1) as (figure, axes):
            axes.plot([0, 1], color=LINE)
            return svg_element(figure, "n", "t")

    plain = drawn()
    with rc_context({"lines.linewidth": 9, "svg.fonttype": "path", "axes.grid": False}):
        assert drawn() == plain


def test_every_stand_in_colour_has_its_own_place():
    assert len(set(VARIABLES.values())) == len(VARIABLES) == 10
    assert all(re.fullmatch("#[0-9a-f]{6}", colour) for colour in VARIABLES)


def test_text_that_no_page_may_hold():
    assert showable(LABELS[3]) == "\u202eb\ufffd\ufffd[31m"
    assert showable("half \ud800, tab\t and line\n stay") == "half \ufffd, tab\t and line\n stay"
