import pytest
import torch
from setups import Collator, split_of

from alambique.artefacts.splits import Split
from alambique.doctor.check_inputs import _with_short_row, check
from alambique.findings import Finding


class DropsTypes(Collator):
    def __call__(self, rows):
        batch = self.collator(rows)
        del batch["token_type_ids"]
        return batch


@pytest.mark.parametrize("pairs", [False, True])
def test_dropped_token_type_ids(healthy, pairs):
    case = healthy(pairs=pairs)
    case.collator = DropsTypes(case.collator)
    assert case.codes() == {"dropped-token-types"}
    message = case.finding("dropped-token-types").message
    intact = "The teacher reads token_type_ids, which tell two segments apart; the batches have none"
    if pairs:
        assert message.startswith(f"{intact} (its logits are off by up to ")
    else:
        assert message == f"{intact}."


def test_a_tokenizer_that_makes_no_token_types(healthy):
    for pairs in (False, True):  # for single texts they are all 0, and nothing is lost
        case = healthy(pairs=pairs)
        case.collator.tokenizer.model_input_names = ["input_ids", "attention_mask"]
        assert case.codes() == ({"dropped-token-types"} if pairs else set())


class CountsPads(Collator):
    def __call__(self, rows):
        batch = self.collator(rows)
        batch["attention_mask"] = torch.ones_like(batch["input_ids"])
        return batch


def test_pads_counted_as_text(healthy):
    case = healthy()
    case.collator = CountsPads(case.collator)
    assert case.codes() == {"pads-as-text"}
    case = healthy()
    case.collator.tokenizer.model_input_names = ["input_ids", "token_type_ids"]
    assert case.codes() == {"pads-as-text"}


@pytest.mark.parametrize(
    ("names", "state"),
    [(None, "is 1 over padding"), (["input_ids", "token_type_ids"], "is absent, so every position counts")],
)
def test_the_pads_that_are_counted(healthy, names, state):
    case = healthy()
    train = split_of("train", ["lamp table door window lamp"], [0])  # [CLS], five words, [SEP]; the short row: one word
    case.splits = type(case.splits)(train, *list(case.splits)[1:], case.splits.label_names)
    case.collator = CountsPads(case.collator) if names is None else case.collator
    case.collator.tokenizer.model_input_names = names or case.collator.tokenizer.model_input_names
    (finding,) = [f for f in check(case.setup()) if f.code == "pads-as-text"]
    assert finding == Finding(
        "pads-as-text", "collator",
        f"The attention mask {state}: up to 4 pads of a row are read as text, so a row's logits depend on what else is in "
        "its batch.",
        "Pass on the tokenizer's attention_mask, 0 over padding, as DataCollatorWithPadding does.",
    )  # fmt: skip


class OneSegment(Collator):
    def __call__(self, rows):
        batch = self.collator(rows)
        batch["token_type_ids"] = torch.zeros_like(batch["token_type_ids"])
        return batch


def test_other_inputs_than_the_tokenizers(healthy):
    case = healthy(pairs=True)
    case.collator = OneSegment(case.collator)
    assert case.codes() == {"teacher-inputs"}
    finding = case.finding("teacher-inputs")
    assert finding.where == "collator"
    assert finding.message.startswith("The teacher's logits for a batch are off by up to ")
    assert finding.message.endswith(" from those for the same rows as its own tokenizer gives them.")


class Relabels(Collator):
    def __call__(self, rows):
        batch = self.collator(rows)
        batch["labels"] = batch["labels"].flip(0)
        return batch


class DropsLabels(Collator):
    def __call__(self, rows):
        batch = self.collator(rows)
        del batch["labels"]
        return batch


@pytest.mark.parametrize(
    ("collator", "harm"),
    [(Relabels, "gives other labels than the rows have"), (DropsLabels, "drops the column labels")],
)
def test_labels_that_do_not_get_through(healthy, collator, harm):
    case = healthy()
    case.collator = collator(case.collator)
    assert case.findings() == [
        Finding(
            "collator-labels", "collator", f"The collator {harm}.", "It must pass labels on, in the rows' order."
        )
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("pairs", "metadata", "segments"),
    [
        (None, None, [("red lamp",), ("red",)]),
        (("a door",), None, [("red lamp", "a door"), ("red", "red")]),
        (None, ("green",), [("red lamp", "green"), ("red", "red")]),
        (("a door",), ("green",), [("red lamp", "a door; green"), ("red", "red")]),
    ],
)
def test_the_row_that_is_added_is_short_in_every_segment(pairs, metadata, segments):
    split = Split("train", ("train-1",), ("red lamp",), pairs, split_of("train", ["red lamp"], [2]).labels, metadata)
    probe = _with_short_row(split)
    assert probe.segments() == segments
    assert probe.labels.tolist() == [2, 2]
