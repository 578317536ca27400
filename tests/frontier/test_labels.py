"""Names in a picture hide neither each other nor a point."""

import itertools

from matplotlib.text import Annotation
from matplotlib.transforms import Bbox

from alambique.frontier.labels import Label, place_labels, text_box
from alambique.report.plots import canvas


def test_names_of_close_points_are_placed_apart_and_inside():
    crowd = [Label(f"{n} layers, pruned", 1 + n / 20, 50 + n / 5, bold=n == 3) for n in range(5)]
    with canvas(3.8, 3.4) as (figure, axes):
        axes.set(xlim=(0.5, 10), ylim=(40, 60), xscale="log")
        place_labels(figure, axes, [*crowd, Label("", 2.5, 50), Label("5 ms", 5, 40, quiet=True)])
        notes = [child for child in axes.get_children() if isinstance(child, Annotation)]
        assert sorted(note.get_text() for note in notes) == sorted([*(label.text for label in crowd), "5 ms"])
        boxes = {note.get_text(): text_box(note) for note in notes}
        for (one, box), (other, beside) in itertools.combinations(boxes.items(), 2):
            assert Bbox.intersection(box, beside) is None, (one, other)
        for label in crowd:
            x, y = axes.transData.transform((label.x, label.y))
            assert not [text for text, box in boxes.items() if box.contains(x, y)]
        assert [note.get_fontweight() for note in notes if note.get_text() == "3 layers, pruned"] == ["bold"]
