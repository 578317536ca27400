"""Weights of the hard labels of rows by their class, so that rare classes are not drowned by frequent ones."""

import numpy as np
from sklearn.utils.class_weight import compute_class_weight

from alambique.losses.no_label import NO_LABEL
from alambique.recipe.class_weights import BALANCED


def class_weights(
    setting: str | dict[str, float] | None, labels: np.ndarray, label_names: tuple[str, ...]
) -> np.ndarray | None:
    """The weight of each class, scaled so that its mean over the labelled rows is 1.

    ``balanced`` is scikit-learn's formula, rows / (classes · rows of the class), whose mean over rows is 1 as it is (the
    weighting of King and Zeng 2001, "Logistic Regression in Rare Events Data"). In a mapping, a
    class that is not named weighs 1 before the scaling. It says how classes count against each other; how hard labels
    count against soft ones stays with ``distillation.hard_label_weight``, and the learning rate means what it did.

    Args:
        setting: of the recipe; None: no weights.
        labels: (rows,) class indices of the rows that the model learns from; −100 for none.
        label_names: of the classes, by index.

    Returns:
        (C,) float64; 1 for a class without rows.

    Example:
        >>> import numpy as np
        >>> from alambique.training.class_weights import class_weights
        >>> labels = np.array([0, 0, 0, 1])
        >>> class_weights("balanced", labels, ("common", "rare")).round(3).tolist()  # 4 / (2 · 3) and 4 / (2 · 1)
        [0.667, 2.0]
        >>> class_weights({"rare": 5.0}, labels, ("common", "rare")).tolist()  # 1 and 5, of which the mean over rows is 2
        [0.5, 2.5]
    """
    if setting is None:
        return None
    labels = labels[labels != NO_LABEL]
    weights, there = np.ones(len(label_names)), np.unique(labels)
    if setting == BALANCED:
        weights[there] = compute_class_weight("balanced", classes=there, y=labels)
    elif isinstance(setting, dict):
        weights = np.array([setting.get(name, 1.0) for name in label_names])
    return weights / weights[labels].mean() if len(labels) else weights


def row_weights(weights: np.ndarray | None, labels: np.ndarray) -> np.ndarray | None:
    """Weights of the hard labels of rows, (rows,) float32: those of their classes, 1 for a row without a label.

    A step's loss is their weighted sum over the number of its labelled rows, not over the sum of their weights as in
    ``torch.nn.CrossEntropyLoss(weight=…)``: there a step of frequent rows alone counts as much as one of rare rows, so
    that small batches undo the weights; and what a row contributes would depend on the others of its step.

    Args:
        weights: (C,) of the classes, from :func:`class_weights`; None: no weights.
        labels: (rows,) class indices; −100 for none.

    Example:
        >>> import numpy as np
        >>> from alambique.training.class_weights import row_weights
        >>> row_weights(np.array([0.5, 2.5]), np.array([1, 0, -100])).tolist()
        [2.5, 0.5, 1.0]
    """
    if weights is None:
        return None
    return np.where(labels == NO_LABEL, 1.0, weights[np.maximum(labels, 0)]).astype(np.float32)
