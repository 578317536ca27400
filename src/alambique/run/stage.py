"""A stage of the pipeline: typed inputs, the manifest key made from them, and the function that makes the artefact.

That function gets its inputs, a folder and a reporter, never the recipe. Each field of its inputs is either part of the key
(:func:`keyed`) or follows from fields that are (:func:`derived`), so nothing can be used and not keyed.
"""

from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, ClassVar, Generic, TypeVar

from alambique.progress import Reporter
from alambique.run.folder import RunFolder
from alambique.run.manifest import Artefact

_ROLE = "role in the key"


@dataclass(frozen=True)
class _Keyed:
    path: tuple[str, ...]
    value: Callable[[Any], Any]


@dataclass(frozen=True)
class _Derived:
    sources: tuple[str, ...]


def _as_it_is(value: Any) -> Any:
    return value


def keyed(*path: str, value: Callable[[Any], Any] = _as_it_is) -> Any:
    """Declare a field of :class:`Inputs` that is part of the key.

    Args:
        *path: where in the key, from the top; nowhere in particular (no name) for a mapping that is merged into the key.
        value: from the field's value to the JSON value that stands for it, such as a digest.
    """
    return field(metadata={_ROLE: _Keyed(path, value)})


def derived(*sources: str) -> Any:
    """Declare a field of :class:`Inputs` that other fields, the ``sources``, determine; it is not part of the key."""
    return field(metadata={_ROLE: _Derived(sources)})


@dataclass(frozen=True)
class Inputs:
    """What a stage is made from; each stage has a frozen subclass.

    Attributes:
        CONSTANT: parts of the key that are the same for all inputs of the class.
    """

    CONSTANT: ClassVar[Mapping[str, Any]] = {}

    def __init_subclass__(cls) -> None:
        """Refuse a field that is neither keyed nor derived."""
        super().__init_subclass__()
        for name in cls.__annotations__:
            role = getattr(vars(cls).get(name), "metadata", {}).get(_ROLE)
            if role is None and name != "CONSTANT":
                raise TypeError(f"{cls.__name__}.{name} must be declared with keyed() or derived()")
            for source in role.sources if isinstance(role, _Derived) else ():
                if source not in cls.__annotations__:
                    raise TypeError(f"{cls.__name__}.{name} is derived from {source}, which is not a field")

    def key(self) -> dict[str, Any]:
        """The manifest key: JSON values in the places that the fields name."""
        key = deepcopy(dict(self.CONSTANT))
        for each in fields(self):
            role = each.metadata[_ROLE]
            if isinstance(role, _Keyed):
                value = role.value(getattr(self, each.name))
                for name in reversed(role.path):
                    value = {name: value}
                _merge(key, value)
        return key


def _merge(key: dict[str, Any], more: Mapping[str, Any]) -> None:
    for name, value in more.items():
        if isinstance(value, Mapping) and isinstance(key.get(name), dict):
            _merge(key[name], value)
        else:
            key[name] = deepcopy(value)


StageInputs = TypeVar("StageInputs", bound=Inputs)


@dataclass(frozen=True)
class Stage(Generic[StageInputs]):
    """One stage.

    Attributes:
        name: its folder in the run, unless an instance is named.
        make: writes the artefact's files into the folder it is given.
    """

    name: str
    make: Callable[[StageInputs, Path, Reporter], None]

    def run(self, run: RunFolder, inputs: StageInputs, reporter: Reporter, *, name: str | None = None) -> Artefact:
        """The artefact made from these inputs: the one that stands in the run, or a new one.

        Args:
            run: where.
            inputs: what it is made from.
            reporter: where progress goes.
            name: of an instance, such as ``teachers/fold-0``.

        Raises:
            RunFolderError: the run is only read (:meth:`RunFolder.read_only`), and the artefact is not current.
        """
        return run.stage(name or self.name, inputs.key(), lambda work: self.make(inputs, work, reporter))
