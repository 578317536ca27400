"""One shard from rows to the content of its file; the model stays loaded from shard to shard."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from alambique.batch_prediction.columns import SCORES, AddedColumns, segments_of
from alambique.batch_prediction.decisions import LabelSets, OneLabel
from alambique.batch_prediction.shard_files import ShardContent, parquet_bytes
from alambique.inference.classifier import Classifier
from alambique.recipe.sections import Data

TEXTS = 8192  # that are tokenised and classified together: bounds memory


@dataclass(frozen=True)
class Worker:
    """Classifies shards. What a shard's file holds follows from the shard's rows alone.

    Attributes:
        classifier: the model.
        data: as :func:`~alambique.batch_prediction.columns.text_of` gives it.
        added: the columns that are added.
        calibrated: divide logits by the temperature fitted on valid.
    """

    classifier: Classifier
    data: Data
    added: AddedColumns
    calibrated: bool

    def made(self, table: pa.Table, advance: Callable[[int], None]) -> ShardContent:
        """The content of the file of a shard.

        Args:
            table: the shard's rows.
            advance: called with the number of rows that are done, now and then.
        """
        table = self.classified(table, advance)
        without = table.num_rows - table[self.added.not_classified].null_count
        return ShardContent(table.num_rows, without, parquet_bytes(table))

    def classified(self, table: pa.Table, advance: Callable[[int], None]) -> pa.Table:
        """The rows with their predictions, in their order.

        Each distinct text is computed once, in batches of texts of similar length. Which texts are in a batch follows from
        those of the table, so that a model whose results depend on the batch (int8) gives the same every time.
        """
        segments, reasons = segments_of(table, self.data, self.added.not_classified)
        distinct: dict[tuple[str, ...], int] = {}
        places = np.array(
            [
                -1 if told else distinct.setdefault(row, len(distinct))
                for row, told in zip(segments, reasons, strict=True)
            ],
            dtype=np.int64,
        )
        texts = list(distinct)
        order = np.argsort([sum(map(len, text)) for text in texts], kind="stable")
        repeats = np.bincount(places[places >= 0], minlength=len(texts))
        decisions = (
            LabelSets(self.classifier, len(texts)) if self.added.several else OneLabel(self.classifier, len(texts))
        )
        scores = np.zeros((len(texts) if self.added.scores else 0, len(self.classifier.label_names)), dtype=np.float32)
        for start in range(0, len(texts), TEXTS):
            rows = order[start : start + TEXTS]
            logits = self.classifier.logits([texts[row] for row in rows])
            found = self.classifier.probabilities_of(logits, calibrated=self.calibrated)
            decisions.add(rows, found, self.classifier.decided(logits))
            if self.added.scores:
                scores[rows] = found
            advance(int(repeats[rows].sum()))
        advance(int((places < 0).sum()))
        made = {**decisions.columns(), SCORES: self._scores(scores)}
        return self._joined(table, made, pa.array(np.where(places < 0, 0, places), mask=places < 0), reasons)

    def _joined(self, table: pa.Table, made: dict[str, Any], places: pa.Array, reasons: list[str | None]) -> pa.Table:
        table = table.drop_columns([self.added.not_classified])
        for name, kind in self.added.types(self.classifier.label_names).items():
            short = name.removeprefix(self.added.prefix)
            values = made[short].take(places) if short in made else pa.array(reasons, pa.string())
            table = table.append_column(pa.field(name, kind), values.cast(kind))
        return table

    def _scores(self, scores: np.ndarray) -> pa.Array | None:
        if not self.added.scores:
            return None
        names = list(self.classifier.label_names)
        return pa.StructArray.from_arrays([pa.array(np.ascontiguousarray(column)) for column in scores.T], names=names)
