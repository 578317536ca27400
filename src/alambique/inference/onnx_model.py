"""A classifier's ONNX file run by ONNX Runtime, with its tokenizer: no torch, no transformers."""

from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path

import numpy as np
import onnxruntime as ort

from alambique.cpu import available_cores
from alambique.inference.token_batches import BATCH, Segments, TokenBatches
from alambique.models.inputs import ModelInputs

# ONNX Runtime fuses sum and layer norm into one operator that is several times slower on the processor than the two apart
SLOWER_WHEN_FUSED = ["SkipLayerNormFusion"]


class OnnxModel:
    """From texts to logits, in the order of the texts."""

    def __init__(
        self, graph: Path | bytes, tokenizer: Path, inputs: ModelInputs, *, threads: int | None = None, spin: int = 0
    ) -> None:
        """Load both files.

        Args:
            graph: the model, a file or its content.
            tokenizer: a ``tokenizer.json``.
            inputs: what the graph is given.
            threads: of one run; by default one a core that this process may use.
            spin: microseconds that idle threads look for work before they sleep.
        """
        self.session = session(graph, threads=threads, spin=spin)
        self.encode = TokenBatches(tokenizer, inputs)
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
