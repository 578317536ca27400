"""A classifier's ONNX file run by ONNX Runtime, with its tokenizer: no torch, no transformers."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
from tokenizers import Tokenizer

from alambique.cpu import available_cores

BATCH, TOKENS = 32, 2048  # rows and tokens that run together, at most: more tokens take memory and gain nothing
SHORTEST = 2  # tokens: the graph is exported for at least so many
# ONNX Runtime fuses sum and layer norm into one operator that is several times slower on the processor than the two apart
SLOWER_WHEN_FUSED = ["SkipLayerNormFusion"]
Segments = Sequence[tuple[str, ...]]


class OnnxModel:
    """From texts to logits, in the order of the texts."""

    def __init__(
        self, graph: Path | bytes, tokenizer: Path, *, max_length: int, pad_id: int, threads: int | None = None,
        spin: int = 0,
    ) -> None:  # fmt: skip
        """Load both files.

        Args:
            graph: the model, a file or its content.
            tokenizer: a ``tokenizer.json``.
            max_length: where texts are cut, in tokens.
            pad_id: of the padding token.
            threads: of one run; by default one a core that this process may use.
            spin: microseconds that idle threads look for work before they sleep.
        """
        self.session = session(graph, threads=threads, spin=spin)
        self.encode = TokenBatches(tokenizer, max_length=max_length, pad_id=pad_id, inputs=input_names(self.session))
        self.classes = int(self.session.get_outputs()[0].shape[-1])

    def logits(
        self, segments: Segments, *, batch_size: int = BATCH, advance: Callable[[int], None] | None = None
    ) -> np.ndarray:
        """Logits of each row: (rows, classes) float32, in the order of ``segments``.

        Args:
            segments: one or two texts per row.
            batch_size: rows per batch, of long ones fewer; they are of similar length, and padded to the longest of each.
            advance: called with the rows done after each batch.
        """
        logits = np.zeros((len(segments), self.classes), dtype=np.float32)
        for rows, batch in self.encode(segments, batch_size):
            logits[rows] = self.session.run(None, batch)[0]
            if advance is not None:
                advance(len(rows))
        return logits


class TokenBatches:
    """From texts to padded batches of token ids, rows of similar length together."""

    def __init__(self, tokenizer: Path, *, max_length: int, pad_id: int, inputs: Sequence[str]) -> None:
        """``inputs`` are the names of the graph's; see :class:`OnnxModel` for the rest."""
        self.tokenizer = Tokenizer.from_file(str(tokenizer))
        self.tokenizer.no_padding()
        self.tokenizer.enable_truncation(max_length)
        self.pad_id, self.inputs = pad_id, tuple(inputs)

    def __call__(self, segments: Segments, batch_size: int) -> list[tuple[np.ndarray, dict[str, np.ndarray]]]:
        """The rows' places, and what the graph reads of them, batch by batch from the longest."""
        encoded = self.tokenizer.encode_batch_fast([row[0] if len(row) == 1 else tuple(row) for row in segments])
        if len(encoded) == 1:  # a service's commonest case, where every step counts
            return [(np.zeros(1, dtype=np.intp), self._padded(encoded))]
        order = np.argsort([-len(one.ids) for one in encoded], kind="stable")
        batches, start = [], 0
        while start < len(order):
            rows = order[start : start + min(batch_size, rows_together(len(encoded[order[start]].ids)))]
            batches.append((rows, self._padded([encoded[row] for row in rows])))
            start += len(rows)
        return batches

    def _padded(self, encoded: list[Any]) -> dict[str, np.ndarray]:
        length = max(SHORTEST, *(len(one.ids) for one in encoded))
        batch = {name: np.zeros((len(encoded), length), dtype=np.int64) for name in self.inputs}
        batch["input_ids"][:] = self.pad_id
        for row, one in enumerate(encoded):
            size = len(one.ids)
            batch["input_ids"][row, :size] = one.ids
            batch["attention_mask"][row, :size] = 1
            if "token_type_ids" in batch:
                batch["token_type_ids"][row, :size] = one.type_ids
        return batch


def rows_together(tokens: int) -> int:
    """How many rows, the longest of so many tokens, run together at most."""
    return max(1, TOKENS // max(SHORTEST, tokens))


def session(graph: Path | bytes, *, threads: int | None = None, spin: int = 0) -> ort.InferenceSession:
    """ONNX Runtime on the processor: one thread a core, which sleeps after so many microseconds with nothing to do."""
    _share_memory()
    options = ort.SessionOptions()
    options.add_session_config_entry("session.use_env_allocators", "1")
    options.intra_op_num_threads = threads or available_cores()
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    options.enable_mem_pattern = False  # made for each shape, and shapes differ from batch to batch
    options.add_session_config_entry("session.intra_op.allow_spinning", str(int(spin > 0)))
    if spin:
        options.add_session_config_entry("session.intra_op.spin_duration_us", str(spin))
    return ort.InferenceSession(
        graph if isinstance(graph, bytes) else str(graph), options,
        providers=["CPUExecutionProvider"], disabled_optimizers=SLOWER_WHEN_FUSED,
    )  # fmt: skip


@cache
def _share_memory() -> None:
    """One arena for all sessions of this process, which grows by what is asked for: by default each has one that doubles.

    It stays when sessions are closed; the next ones use it.
    """
    memory = ort.OrtMemoryInfo("Cpu", ort.OrtAllocatorType.ORT_ARENA_ALLOCATOR, 0, ort.OrtMemType.DEFAULT)
    with suppress(RuntimeError):  # another library has registered one, which does as well
        ort.create_and_register_allocator(memory, ort.OrtArenaCfg({"arena_extend_strategy": 1}))


def input_names(loaded: ort.InferenceSession) -> list[str]:
    """What the graph reads, by name."""
    return [one.name for one in loaded.get_inputs()]
