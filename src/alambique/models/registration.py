"""Makes the architectures of this package known to Transformers, whichever of the two is imported first.

``import alambique`` calls :func:`register_when_imported`, which imports nothing: Transformers and torch take seconds, and
what only classifies needs neither.
"""

import sys
from collections.abc import Callable, Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from types import ModuleType


def _register_config() -> None:
    from transformers import AutoConfig  # noqa: PLC0415

    from alambique.models.static_config import StaticConfig  # noqa: PLC0415

    AutoConfig.register(StaticConfig.model_type, StaticConfig, exist_ok=True)


def _register_model() -> None:
    from transformers import AutoModelForSequenceClassification  # noqa: PLC0415

    from alambique.models.static_config import StaticConfig  # noqa: PLC0415
    from alambique.models.static_model import StaticForSequenceClassification  # noqa: PLC0415

    AutoModelForSequenceClassification.register(StaticConfig, StaticForSequenceClassification, exist_ok=True)


# by the module of Transformers whose class is told of them
_WHEN_IMPORTED: dict[str, Callable[[], None]] = {
    "transformers.models.auto.configuration_auto": _register_config,
    "transformers.models.auto.modeling_auto": _register_model,
}


def register_when_imported() -> None:
    """Register at once what Transformers has imported already, and the rest when it is imported."""
    for name, register in _WHEN_IMPORTED.items():
        if name in sys.modules:
            register()
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Finder())


class _Finder(MetaPathFinder):
    """Finds the modules named above as everyone does, and lets them be followed by a registration."""

    def __init__(self) -> None:
        self.looking = False

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        del path, target
        if fullname not in _WHEN_IMPORTED or self.looking:
            return None
        self.looking = True
        try:
            spec = find_spec(fullname)
        finally:
            self.looking = False
        if spec is not None and spec.loader is not None:
            spec.loader = _Followed(spec.loader, _WHEN_IMPORTED[fullname])
        return spec


class _Followed(Loader):
    """A module's own loader, and what is done after it."""

    def __init__(self, loader: Loader, register: Callable[[], None]) -> None:
        self.loader, self.register = loader, register

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self.loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        self.loader.exec_module(module)
        self.register()
