"""The student as files to ship: ONNX in fp32 and int8, none kept unless it does what PyTorch does; a web page; the Hub."""

from alambique.export.push import HUB, HUB_FILES, check_repository, push
from alambique.export.stage import FORMATS, export_student
from alambique.export.web import drop_stale_web, export_web

__all__ = [
    "FORMATS",
    "HUB",
    "HUB_FILES",
    "check_repository",
    "drop_stale_web",
    "export_student",
    "export_web",
    "push",
]
