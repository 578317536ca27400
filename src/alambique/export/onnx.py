"""From a classifier in PyTorch to an ONNX graph, with torch's own exporter."""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import onnx
import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from alambique.models.inputs import ModelInputs
from alambique.models.speedups.cls_last_layer import enable_cls_only

OPSET = 18
OUTPUT = "logits"
INPUTS = ("input_ids", "attention_mask", "token_type_ids")


def export_graph(model: PreTrainedModel, path: Path, inputs: ModelInputs) -> None:
    """Write the classifier as one ONNX file of standard operators, with any batch size and sequence length.

    Args:
        model: a classifier; its last layer and its attention are set to what exports best, the weights stay.
        path: of the file.
        inputs: what it is given; in its order in :data:`INPUTS`.
    """
    if inputs.max_length is None:
        raise ValueError("the inputs of an exported graph have a greatest length")
    model.eval()
    model.set_attn_implementation("eager")  # the same sums as sdpa's, in fewer operators
    enable_cls_only(model)
    names = [name for name in INPUTS if name in inputs.column_names]
    batch = torch.export.Dim("batch", min=1)
    sequence = torch.export.Dim("sequence", min=inputs.shortest, max=max(inputs.max_length, inputs.shortest + 1))
    with _quiet(), torch.no_grad():
        program = torch.onnx.export(
            _Logits(model, names), _examples(names, max(inputs.shortest, min(inputs.max_length, 9))),
            input_names=names, output_names=[OUTPUT],
            dynamic_shapes=(tuple({0: batch, 1: sequence} for _ in names),),
            dynamo=True, external_data=False, opset_version=OPSET, verbose=False,
        )  # fmt: skip
        if program is None:
            raise RuntimeError("torch.onnx.export gave no program")
        onnx.save(_without_notes(program.model_proto), path)


def _without_notes(model: onnx.ModelProto) -> onnx.ModelProto:
    """The graph alone: the exporter notes on each node where in which file of this machine it comes from."""
    graph = model.graph
    for one in (model, graph, *graph.node, *graph.value_info, *graph.input, *graph.output, *graph.initializer):
        one.ClearField("metadata_props")
    return model


class _Logits(nn.Module):
    """Inputs by place and logits alone, which is what a graph has."""

    def __init__(self, model: PreTrainedModel, names: list[str]) -> None:
        super().__init__()
        self.model, self.names = model, names

    def forward(self, *inputs: Tensor) -> Tensor:
        logits: Tensor = self.model(**dict(zip(self.names, inputs, strict=True))).logits
        return logits


def _examples(names: list[str], length: int) -> tuple[Tensor, ...]:
    """Two rows, the second shorter. Each input is a tensor of its own: one object given twice becomes one input."""
    mask = torch.ones(2, length, dtype=torch.long)
    mask[1, length // 2 :] = 0
    made = {
        "input_ids": torch.ones(2, length, dtype=torch.long),
        "attention_mask": mask,
        "token_type_ids": torch.zeros(2, length, dtype=torch.long),
    }
    return tuple(made[name] for name in names)


@contextmanager
def _quiet() -> Iterator[None]:
    """The exporter tells of its own deprecations and of packages it could have used."""
    loggers = [logging.getLogger(name) for name in ("torch.onnx", "onnxscript", "onnx_ir")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
