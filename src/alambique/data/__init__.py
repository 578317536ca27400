"""Any text-classification data: read, checked, labelled, split."""

from alambique.data.lint import lint
from alambique.data.load import load_splits, locate
from alambique.data.splits import Split, Splits, read_splits, write_splits

__all__ = ["Split", "Splits", "lint", "load_splits", "locate", "read_splits", "write_splits"]
