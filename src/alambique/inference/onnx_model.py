"""A classifier's ONNX file run by ONNX Runtime, with its tokenizer: no torch, no transformers."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path

import numpy as np
import onnxruntime as ort
from tokenizers import Tokenizer

from alambique.artefacts.tokens import Tokens, fill_empty, tokens_of
from alambique.cpu import available_cores
from alambique.models.inputs import IDS, SHORTEST, TYPES, ModelInputs

BATCH, TOKENS = 32, 2048  # rows and tokens that run together, at most: more tokens take memory and gain nothing
# ONNX Runtime fuses sum and layer norm into one operator that is several times slower on the processor than the two apart
SLOWER_WHEN_FUSED = ["SkipLayerNormFusion"]
Segments = Sequence[tuple[str, ...]]


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


class TokenBatches:
    """From texts to padded batches of token ids, rows of similar length together."""

    def __init__(self, tokenizer: Path, inputs: ModelInputs) -> None:
        """Load the tokenizer.

        Args:
            tokenizer: a ``tokenizer.json``.
            inputs: what the graph is given: its names, cut and padding.
        """
        self.inputs, self.typed = inputs, TYPES in inputs.column_names
        self.padding = {IDS: 0, TYPES: 0, **(inputs.padding or {})}
        self.tokenizer = Tokenizer.from_file(str(tokenizer))
        self.tokenizer.no_padding()
        if inputs.max_length is not None:
            self.tokenizer.enable_truncation(inputs.max_length, direction=inputs.truncation_side)

    def __call__(self, segments: Segments, batch_size: int) -> Iterator[tuple[np.ndarray, dict[str, np.ndarray]]]:
        """The rows' places, and what the graph reads of them, batch by batch from the longest."""
        return self.inputs.batches(self.tokens(segments), batch_size, most_tokens=TOKENS)

    def tokens(self, segments: Segments) -> Tokens:
        """What the tokenizer makes of the rows, cut and not padded yet."""
        encoded = self.tokenizer.encode_batch_fast([row[0] if len(row) == 1 else tuple(row) for row in segments])
        rows = {IDS: [row.ids for row in encoded]}
        if self.typed:
            rows[TYPES] = [row.type_ids for row in encoded]
        fill_empty(rows, self.padding)
        return tokens_of(rows, self.padding, left=self.inputs.padding_side == "left")


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
