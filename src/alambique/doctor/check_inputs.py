"""Whether the teacher gets through the collator what its own tokenizer would give it."""

import torch
from torch import Tensor
from transformers import PreTrainedModel

from alambique.artefacts.splits import Split
from alambique.doctor.batches import IDS, LABELS, MASK, TYPES, Row, evaluating, logits_of, sample
from alambique.doctor.codes import Code
from alambique.doctor.setup import Setup
from alambique.findings import Finding
from alambique.models.inputs import ModelInputs, token_types

NO_TYPES = Code(
    "dropped-token-types",
    "the teacher reads token_type_ids and the batches have none",
    "Keep the column: the tokenizer's model_input_names must name it, the collator must pass it on, and Trainer needs "
    "remove_unused_columns=False (DistillationTrainer keeps it).",
)
PADS = Code(
    "pads-as-text",
    "the attention mask is 1 over padding, or absent",
    "Pass on the tokenizer's attention_mask, 0 over padding, as DataCollatorWithPadding does.",
)
OTHER_INPUTS = Code(
    "teacher-inputs",
    "the teacher's logits for a batch differ from those for its own tokenizer's output in another way",
    "Compare the collator's batch with tokenizer(text, pair, truncation=True) row by row: ids, mask, token types.",
)
WRONG_LABELS = Code(
    "collator-labels", "the collator drops or changes the labels", "It must pass labels on, in the rows' order."
)
_PROBED = 8
_TOLERANCE = {torch.float32: 1e-4, torch.float64: 1e-4}
_COARSE = 5e-2  # half precision


def check(setup: Setup) -> list[Finding]:
    """Compare a batch with each of its rows as the teacher's tokenizer gives it, alone and so without padding."""
    teacher, source = setup.teacher, setup.teacher_reader
    probe = _with_short_row(sample(setup.splits.train, _PROBED))
    reads_types = TYPES in ModelInputs.of(teacher).column_names and (token_types(teacher.config) or 0) > 1
    native = source.encode(probe, return_token_type_ids=reads_types, return_attention_mask=True)
    encoded = source.encode(probe)
    batch = source.batch(encoded)
    findings = [*_labels(batch, encoded), *_pads(batch, native)]
    off = _difference(teacher, batch, native)
    if reads_types and TYPES not in batch and (TYPES in encoded[0] or off is not None):
        harm = "" if off is None else f" (its logits are off by up to {off:.2g})"
        findings.append(NO_TYPES.finding(
            "collator", f"The teacher reads token_type_ids, which tell two segments apart; the batches have none{harm}."
        ))  # fmt: skip
    if off is not None and not any(finding.code in (PADS.name, NO_TYPES.name) for finding in findings):
        absent = sorted(set(native[0]) - set(batch))
        lacks = f"; the batch lacks {', '.join(absent)}" if absent else ""
        findings.append(OTHER_INPUTS.finding(
            "collator",
            f"The teacher's logits for a batch are off by up to {off:.2g} from those for the same rows as its own tokenizer "
            f"gives them{lacks}.",
        ))  # fmt: skip
    return findings


def _with_short_row(split: Split) -> Split:
    """Add a row of a single word per segment, so that something must be padded."""
    word = (split.texts[0].split() or [""])[0]
    extended = split.take([*range(len(split)), 0])
    second = extended.second_segments()
    pairs = None if second is None else (*second[:-1], word)
    return Split(split.name, extended.ids, (*extended.texts[:-1], word), pairs, extended.labels)


def _labels(batch: dict[str, Tensor], rows: list[Row]) -> list[Finding]:
    if LABELS in batch and batch[LABELS].tolist() == [row[LABELS] for row in rows]:
        return []
    harm = "gives other labels than the rows have" if LABELS in batch else "drops the column labels"
    return [WRONG_LABELS.finding("collator", f"The collator {harm}.")]


def _pads(batch: dict[str, Tensor], native: list[Row]) -> list[Finding]:
    ids = batch[IDS]
    mask = batch[MASK] if MASK in batch else torch.ones_like(ids)
    counted = [int(mask[i].sum()) - len(row[IDS]) for i, row in enumerate(native)]
    if max(counted) <= 0:
        return []
    state = "is 1 over padding" if MASK in batch else "is absent, so every position counts"
    return [PADS.finding(
        "collator",
        f"The attention mask {state}: up to {max(counted)} pads of a row are read as text, so a row's logits depend on what "
        "else is in its batch.",
    )]  # fmt: skip


def _difference(teacher: PreTrainedModel, batch: dict[str, Tensor], native: list[Row]) -> float | None:
    """Measure the largest difference of a logit; None if it is within rounding."""
    with evaluating(teacher), torch.no_grad():
        batched = logits_of(teacher, batch).float()
        alone = torch.cat([
            logits_of(teacher, {name: torch.tensor([values]) for name, values in row.items()})
            for row in native
        ]).float()  # fmt: skip
    off = float((batched - alone).abs().max())
    tolerance = _TOLERANCE.get(teacher.dtype, _COARSE)
    return off if off > tolerance * (1 + float(alone.abs().max())) else None
