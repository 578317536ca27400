"""Alambique distils a fine-tuned text classifier into a small student, and proves what was kept."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from alambique.models.registration import register_when_imported

if TYPE_CHECKING:
    from alambique.losses.mixture import distillation_loss
    from alambique.pipeline import distill
    from alambique.recipe.recipe import Recipe
    from alambique.training.distillation_trainer import DistillationTrainer

__version__ = "0.1.0"
__all__ = ["DistillationTrainer", "Recipe", "__version__", "distill", "distillation_loss"]

_HOMES = {
    "distill": "alambique.pipeline",
    "Recipe": "alambique.recipe.recipe",
    "DistillationTrainer": "alambique.training.distillation_trainer",
    "distillation_loss": "alambique.losses.mixture",
}

register_when_imported()  # AutoModelForSequenceClassification then loads a static student


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used, so that ``import alambique`` stays light."""
    if name not in _HOMES:
        message = f"module 'alambique' has no attribute {name!r}"
        raise AttributeError(message)
    return getattr(import_module(_HOMES[name]), name)
