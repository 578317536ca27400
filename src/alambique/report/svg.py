"""From a drawing of matplotlib to an SVG element of the page: its own ids, the page's colours and font."""

import re
from collections.abc import Mapping
from html import escape

_UNSHOWABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
_STYLE = r"<style[^>]*>.*?</style>"
_REMOVED = re.compile(rf"<metadata>.*?</metadata>|<defs>\s*(?:{_STYLE}\s*)?</defs>|{_STYLE}|<!--.*?-->", re.DOTALL)
_BOX = re.compile(r'viewBox="([^"]+)"')
_GROUP_ID = re.compile(r'<g id="[^"]*"')
_ID = re.compile(r'(\bid="|\bhref="#|url\(#)(?=[\w.-])')
_FONT = re.compile(r"font-family: [^;\"]*;? ?")


def showable(text: object) -> str:
    """Return text without control characters and halves of characters, which no page may hold."""
    return _UNSHOWABLE.sub("\ufffd", str(text))


def inline_svg(drawing: str, *, name: str, title: str, colours: Mapping[str, str]) -> str:
    """Make a drawing an element of a page that holds other drawings.

    Args:
        drawing: an SVG file as matplotlib writes it.
        name: prefix of all ids, unique on the page.
        title: what the drawing shows, for those who do not see it.
        colours: from each colour of the drawing to the CSS value that takes its place.
    """
    drawing = _REMOVED.sub("", drawing[drawing.index("<svg") :])
    box = _BOX.search(drawing)
    body = drawing[drawing.index(">") + 1 :].replace("xlink:href=", "href=")
    body = _GROUP_ID.sub("<g", body)
    body = _ID.sub(rf"\g<1>{name}-", body)
    body = _FONT.sub("", body)
    body = re.sub("|".join(map(re.escape, colours)), lambda match: colours[match[0]], body)
    label = escape(showable(title), quote=True)
    opening = f'<svg class="picture" viewBox="{box[1] if box else ""}" role="img" aria-label="{label}">'
    return f"{opening}<title>{label}</title>{' '.join(body.split())}"
