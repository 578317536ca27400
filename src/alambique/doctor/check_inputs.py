"""Whether the teacher gets through the collator what its own tokenizer would give it."""

import torch
from torch import Tensor
from transformers import PreTrainedModel

from alambique.artefacts.splits import Split
from alambique.doctor.batches import IDS, LABELS, MASK, TYPES, Reader, Row, evaluating, inputs_of, logits_of, sample
from alambique.findings import Finding

_PROBED = 8
_TOLERANCE = {torch.float32: 1e-4, torch.float64: 1e-4}
_COARSE = 5e-2  # half precision


def check_inputs(teacher: PreTrainedModel, source: Reader, train: Split) -> list[Finding]:
    """Compare a batch with each of its rows as the teacher's tokenizer gives it, alone and so without padding."""
    probe = _with_short_row(sample(train, _PROBED))
    reads_types = TYPES in inputs_of(teacher) and teacher.config.to_dict().get("type_vocab_size", 0) > 1
    native = source.encode(probe, return_token_type_ids=reads_types, return_attention_mask=True)
    encoded = source.encode(probe)
    batch = source.batch(encoded)
    findings = [*_labels(batch, encoded), *_pads(batch, native)]
    off = _difference(teacher, batch, native)
    if reads_types and TYPES not in batch and (TYPES in encoded[0] or off is not None):
        harm = "" if off is None else f" (its logits are off by up to {off:.2g})"
        findings.append(Finding(
            "dropped-token-types", "collator",
            f"The teacher reads token_type_ids, which tell two segments apart; the batches have none{harm}.",
            "Keep the column: the tokenizer's model_input_names must name it, the collator must pass it on, and Trainer "
            "needs remove_unused_columns=False (DistillationTrainer keeps it).",
        ))  # fmt: skip
    if off is not None and not any(finding.code in ("pads-as-text", "dropped-token-types") for finding in findings):
        absent = sorted(set(native[0]) - set(batch))
        findings.append(Finding(
            "teacher-inputs", "collator",
            f"The teacher's logits for a batch are off by up to {off:.2g} from those for the same rows as its own tokenizer "
            f"gives them{'; the batch lacks ' + ', '.join(absent) if absent else ''}.",
            "Compare the collator's batch with tokenizer(text, pair, truncation=True) row by row: ids, mask, token types.",
        ))  # fmt: skip
    return findings


def _with_short_row(split: Split) -> Split:
    """The rows, and one more of a single word, so that something must be padded."""
    word = (split.texts[0].split() or [""])[0]
    extended = split.take([*range(len(split)), 0])
    pairs = None if extended.pairs is None else (*extended.pairs[:-1], word)
    return Split(split.name, extended.ids, (*extended.texts[:-1], word), pairs, extended.labels)


def _labels(batch: dict[str, Tensor], rows: list[Row]) -> list[Finding]:
    if LABELS in batch and batch[LABELS].tolist() == [row[LABELS] for row in rows]:
        return []
    what = "gives other labels than the rows have" if LABELS in batch else "drops the column labels"
    return [
        Finding("collator-labels", "collator", f"The collator {what}.", "It must pass labels on, in the rows' order.")
    ]


def _pads(batch: dict[str, Tensor], native: list[Row]) -> list[Finding]:
    ids = batch[IDS]
    mask = batch[MASK] if MASK in batch else torch.ones_like(ids)
    counted = [int(mask[i].sum()) - len(row[IDS]) for i, row in enumerate(native)]
    if max(counted) <= 0:
        return []
    how = "is 1 over padding" if MASK in batch else "is absent, so every position counts"
    return [Finding(
        "pads-as-text", "collator",
        f"The attention mask {how}: up to {max(counted)} pads of a row are read as text, so a row's logits depend on what "
        "else is in its batch.",
        "Pass on the tokenizer's attention_mask, 0 over padding, as DataCollatorWithPadding does.",
    )]  # fmt: skip


def _difference(teacher: PreTrainedModel, batch: dict[str, Tensor], native: list[Row]) -> float | None:
    """The largest difference in a logit; None if there is none worth the name."""
    named = inputs_of(teacher)
    with evaluating(teacher), torch.no_grad():
        batched = logits_of(teacher, batch).float()
        alone = torch.cat([
            logits_of(teacher, {name: torch.tensor([values]) for name, values in row.items() if name in named})
            for row in native
        ]).float()  # fmt: skip
    off = float((batched - alone).abs().max())
    tolerance = _TOLERANCE.get(teacher.dtype, _COARSE)
    return off if off > tolerance * (1 + float(alone.abs().max())) else None
