"""Forms of student that a frontier has: ``3 layers, pruned``, ``2 layers, width 128``, ``static``. Free of torch.

A form becomes settings of the recipe's ``student`` section, put over the recipe as ``--set`` would.
"""

import json
import re
from dataclasses import dataclass, replace
from typing import Any

from alambique.errors import RecipeError
from alambique.recipe.recipe import Recipe

LAYERS = (6, 4, 3, 2, 1)
PRUNED_BELOW = 3  # layers up to which most of a student's bytes are its vocabulary
TOKENS = 8000  # that a pruned student has at most, where the recipe does not say
PATIENCE = 2  # epochs without a better figure on valid, of students that start from trained layers
_HEAD = 64  # width of an attention head, as in BERT
_COUNT, _WIDTH, _FORM, _PRUNED = re.compile(r"(\d+) layers?"), re.compile(r"width (\d+)"), "static", "pruned"
_OWN, DEFAULTS = "own", "defaults"


@dataclass(frozen=True)
class Form:
    """One form of student.

    Attributes:
        layers: of the teacher; with a width, of a Transformer from scratch.
        width: of vectors or layers; None: the default, or the recipe's.
        static: whether it is a static student.
        pruned: whether its vocabulary is cut.
        own: the recipe's own student, in words, where it is none of the above.

    Example:
        >>> from alambique.frontier.forms import Form
        >>> Form.parse("3 layers pruned").name
        '3 layers, pruned'
        >>> Form.parse("static, width 64").slug
        'static-width-64'
    """

    layers: int | None = None
    width: int | None = None
    static: bool = False
    pruned: bool = False
    own: str | None = None

    @classmethod
    def parse(cls, text: str, own: "Form | None" = None) -> "Form":
        """Read a form as ``--forms`` takes it.

        Args:
            text: such as ``2 layers, width 128, pruned`` or ``static``, with or without commas; or ``own``.
            own: what ``own`` stands for.

        Raises:
            RecipeError: it cannot be read.
        """
        words = " ".join(text.lower().replace(",", " ").split())
        if words == _OWN and own is not None:
            return own
        if re.search(r"\b(int8|fp32)\b", words):
            raise RecipeError(f'--forms "{text}": each form is measured in fp32 and in int8. Leave that out.')
        count, width = _COUNT.search(words), _WIDTH.search(words)
        rest = _WIDTH.sub(" ", _COUNT.sub(" ", words, count=1), count=1).split()
        form = cls(
            int(count[1]) if count else None, int(width[1]) if width else None, _FORM in rest, _PRUNED in rest
        )  # fmt: skip
        usable = (form.layers is None) == form.static and (form.layers is None or form.layers > 0) and form.width != 0
        if not usable or sorted(rest) != sorted([*[_FORM] * form.static, *[_PRUNED] * form.pruned]):
            raise RecipeError(
                f'--forms "{text}" is not a form of student. Give a number of the teacher\'s layers ("3 layers"), a '
                'narrower one from scratch ("2 layers, width 128"), "static" or "static, width 128", each with ", pruned" '
                'for a smaller vocabulary; "own", the recipe\'s student; or "defaults", all that are trained where none is '
                "named."
            )
        return form

    @property
    def name(self) -> str:
        """What people call it."""
        counted = None if self.layers is None else f"{self.layers} layer{'s' if self.layers > 1 else ''}"
        wide = None if self.width is None else f"width {self.width}"
        parts = (self.own or counted, _FORM if self.static else None, wide, _PRUNED if self.pruned else None)
        return ", ".join(part for part in parts if part)

    @property
    def slug(self) -> str:
        """The name of its folder."""
        return re.sub(r"[^a-z0-9]+", "-", self.name.lower()).strip("-")

    def settings(self, base: Recipe) -> tuple[str, ...]:
        """What makes it of a recipe, as ``--set`` takes it."""
        student = base.student
        made = [] if self.own else [self._form(base), f"student.vocabulary={self._vocabulary(base)}"]
        if student.patience is None and self._has_learnt(base):
            made.append(f"student.patience={PATIENCE}")
        return tuple(made)

    def _has_learnt(self, base: Recipe) -> bool:
        """Whether it starts from trained layers; others may be no better than guessing for several epochs."""
        if self.own is not None:
            return base.student.from_scratch is None
        return self.layers is not None and self.width is None

    def _form(self, base: Recipe) -> str:
        student = base.student
        values: dict[str, Any]
        if self.static:
            values = {} if student.static is None else student.static.model_dump(mode="json")
            wide = {} if self.width is None else {"width": self.width}
            return f"student.static={json.dumps(values | wide)}"
        if self.width is not None:
            heads = next(n for n in range(max(1, self.width // _HEAD), 0, -1) if self.width % n == 0)
            values = {"architecture": "distilbert", "layers": self.layers, "width": self.width, "heads": heads}
            return f"student.from_scratch={json.dumps(values)}"
        taken = student.from_teacher
        values = {"architecture": "same"} if taken is None else taken.model_dump(mode="json", exclude={"layers"})
        return f"student.from_teacher={json.dumps(values | {'layers': self.layers})}"

    def _vocabulary(self, base: Recipe) -> str:
        if not self.pruned:
            return "null"
        # a feature loss compares tokens, which a number leaves the same in few texts
        usual = TOKENS if base.distillation.features is None else "auto"
        return str(base.student.vocabulary or usual)


def own_form(base: Recipe) -> Form:
    """The recipe's own student as a form."""
    student = base.student
    pruned = student.vocabulary is not None
    if student.static is not None:
        return Form(static=True, pruned=pruned)
    if student.from_teacher is not None and isinstance(student.from_teacher.layers, int):
        return Form(layers=student.from_teacher.layers, pruned=pruned)
    if student.from_teacher is not None:
        words = f"layers {', '.join(map(str, student.from_teacher.layers))}"  # type: ignore[arg-type]
    elif student.from_scratch is not None:
        size = student.from_scratch
        words = f"{size.layers} layer{'s' if size.layers > 1 else ''} of width {size.width}"
    else:
        words = (student.model or "").rstrip("/").rpartition("/")[2]
    return Form(own=words, pruned=pruned)


def default_forms(base: Recipe, depth: int | None, width: int | None) -> tuple[Form, ...]:
    """The recipe's own student, and the others that a frontier has unless forms are named.

    Args:
        base: the recipe.
        depth: layers of the teacher, of which students have fewer; None where none can be left out.
        width: of its layers; None for a teacher without weights.
    """
    own = own_form(base)
    forms = [own]
    layered = [Form(layers=layers) for layers in LAYERS if layers < (depth or 0)]
    forms += [form for form in layered if form.layers is not None and form.layers > PRUNED_BELOW]
    forms += [replace(f, pruned=True) for f in layered if f.layers is not None and f.layers <= PRUNED_BELOW]
    if width is not None and width >= 2 * _HEAD:
        forms.append(Form(layers=2, width=width // 2 // _HEAD * _HEAD))
    if width is not None or (base.student.static is not None and base.student.static.encoder is not None):
        one_token = base.student.static is None or base.student.static.n_grams == 1
        forms += [Form(static=True), *([Form(static=True, pruned=True)] if one_token else [])]
    return tuple(dict.fromkeys(forms))
