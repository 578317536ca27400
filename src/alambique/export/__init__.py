"""The student as ONNX files, fp32 and int8, none of them kept unless it does what PyTorch does."""

from alambique.export.stage import FORMATS, export_student

__all__ = ["FORMATS", "export_student"]
