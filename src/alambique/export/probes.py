"""Some texts that valid may lack, on which an exported model is compared with PyTorch: empty, short, and cut."""

import numpy as np
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from alambique.evaluation.task import Task
from alambique.export.parity import probe_rows
from alambique.inference.onnx_model import OnnxModel
from alambique.inference.torch_model import predict_logits


class Probes:
    """The texts, and PyTorch's probabilities of them."""

    def __init__(
        self, model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, segments: list[tuple[str, ...]], task: Task, *,
        max_length: int,
    ) -> None:  # fmt: skip
        """Score them in PyTorch, one by one.

        Args:
            model: a classifier; it is left in eval mode.
            tokenizer: its own.
            segments: rows of the data, one or two texts each, which some of the texts are made of.
            task: how logits become probabilities.
            max_length: where texts are cut, in tokens.
        """
        self.rows, self.task = probe_rows(segments, max_length=max_length), task
        alone = [predict_logits(model, tokenizer, [row], max_length=max_length) for row in self.rows]
        self.expected = task.probabilities(np.concatenate(alone))

    def drift(self, model: OnnxModel) -> float:
        """The largest difference of a probability from PyTorch's, one by one and in a mixed batch; 1 if one is NaN."""
        mixed = model.logits(self.rows)
        alone = np.concatenate([model.logits([row]) for row in self.rows])
        drifts = [np.abs(self.task.probabilities(logits) - self.expected).max() for logits in (mixed, alone)]
        return float(np.nan_to_num(max(drifts), nan=1.0))
