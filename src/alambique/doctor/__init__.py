"""Everything that can be checked in seconds before hours are spent. It trains nothing and writes nothing."""

from alambique.doctor.examination import examine
from alambique.doctor.reader import Collator

__all__ = ["Collator", "examine"]
