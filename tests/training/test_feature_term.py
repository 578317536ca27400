"""Feature losses in a trainer of anyone's own script, with a live teacher."""

import copy
import re

import pytest
import torch
from datasets import Dataset
from safetensors.torch import load_file
from transformers import (
    DataCollatorWithPadding,
    DistilBertConfig,
    DistilBertForSequenceClassification,
    TrainerCallback,
    TrainingArguments,
)

from alambique import DistillationTrainer
from alambique.losses.features import HiddenStates, Relations
from alambique.models.labels import label_config
from alambique.models.speedups.front import Needs, Speedups
from alambique.training.feature_term import PROJECTIONS, FeatureTerm, LiveTeacher, layer_pairs, reader_of
from conftest import LABELS, rows

LOSSES = [HiddenStates(weight=0.3), HiddenStates(tokens="first", layers={1: 0}), Relations(heads=2, weight=0.3)]


@pytest.fixture
def narrow(tokenizer):
    """A DistilBERT of width 8, whose hidden states need projections to the teacher's 16."""
    torch.manual_seed(5)
    config = DistilBertConfig(
        vocab_size=len(tokenizer), dim=8, n_layers=2, n_heads=2, hidden_dim=16, max_position_embeddings=64, dropout=0.0,
        attention_dropout=0.0, seq_classif_dropout=0.0, **label_config(LABELS),
    )  # fmt: skip
    return DistilBertForSequenceClassification(config)


@pytest.fixture
def trainer(tokenizer, tmp_path):
    def build(model, teacher, *, count=16, size=4, accumulate=1, **options):
        records = rows(count, 7)
        encoded = dict(tokenizer([row["text"] for row in records]))
        arguments = {
            "output_dir": str(tmp_path / "out"), "per_device_train_batch_size": size, "max_steps": 4,
            "gradient_accumulation_steps": accumulate, "learning_rate": 1e-2, "report_to": "none", "disable_tqdm": True,
            "save_strategy": "no", "use_cpu": True, "dataloader_pin_memory": False, "logging_steps": 1,
            "max_grad_norm": 0.0, "lr_scheduler_type": "constant", **options.pop("arguments", {}),
        }  # fmt: skip
        return DistillationTrainer(
            model=model, args=TrainingArguments(**arguments), teacher_model=teacher,
            train_dataset=Dataset.from_dict(encoded | {"labels": [LABELS.index(row["label"]) for row in records]}),
            data_collator=DataCollatorWithPadding(tokenizer), processing_class=tokenizer, **options,
        )  # fmt: skip

    return build


class Gradients(TrainerCallback):
    """Keeps the gradients of the first optimiser step."""

    def __init__(self):
        self.first = None

    def on_pre_optimizer_step(self, args, state, control, model=None, **_):
        if self.first is None:
            self.first = {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}


def steps(made):
    return [entry for entry in made.state.log_history if "loss" in entry]


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("count", [16, 14])
def test_accumulated_micro_batches_equal_one_batch(trainer, tiny_bert, narrow, loss, count):
    taken = []
    for size, accumulate in ((16, 1), (4, 4)):
        watch = Gradients()
        made = trainer(copy.deepcopy(narrow), tiny_bert(), count=count, size=size, accumulate=accumulate,
                       features=loss, callbacks=[watch], arguments={"max_steps": 1})  # fmt: skip
        made.train()
        taken.append((steps(made)[0], watch.first))
    (whole, gradients), (parts, of_parts) = taken
    for name in ("loss", "loss_kl", "loss_ce", f"loss_{loss.name}"):
        assert parts[name] == pytest.approx(whole[name], abs=1e-5)
    assert gradients.keys() == of_parts.keys()
    assert (PROJECTIONS in " ".join(gradients)) is (loss.name == "hidden")
    for name, gradient in gradients.items():
        torch.testing.assert_close(of_parts[name], gradient, atol=1e-5, rtol=1e-5, msg=name)


@pytest.mark.parametrize("loss", LOSSES)
def test_the_logged_parts_add_up_to_the_loss(trainer, tiny_bert, narrow, loss):
    made = trainer(narrow, tiny_bert(), features=loss, hard_label_weight=0.3, arguments={"logging_steps": 2})
    made.train()
    assert len(steps(made)) == 2
    for entry in steps(made):
        weighted = 0.7 * entry["loss_kl"] + 0.3 * entry["loss_ce"] + (loss.weight or 0.01) * entry[f"loss_{loss.name}"]
        assert entry["loss"] == pytest.approx(weighted, abs=1e-5)
        assert entry[f"loss_{loss.name}"] > 0


@pytest.mark.parametrize("accumulate", [1, 2])
def test_the_first_epochs_learn_from_features_alone(trainer, tiny_bert, narrow, accumulate):
    head = narrow.classifier.weight.detach().clone()
    heads, embeddings = [], []

    class Watch(TrainerCallback):
        def on_epoch_end(self, args, state, control, model=None, **_):
            heads.append(model.classifier.weight.detach().clone())
            embeddings.append(model.distilbert.embeddings.word_embeddings.weight.detach().clone())

    made = trainer(
        narrow, tiny_bert(), features=HiddenStates(weight=0.3), features_first=2, callbacks=[Watch()], size=4 // accumulate,
        accumulate=accumulate, hard_label_weight=0.3,
        arguments={"max_steps": -1, "num_train_epochs": 3, "weight_decay": 0.0},
    )  # fmt: skip
    made.train()
    first, then = steps(made)[:8], steps(made)[8:]  # 16 rows, 4 of them a step
    assert len(then) == 4
    for entry in first:
        assert {name for name in entry if name.startswith("loss_")} == set()
        assert entry["loss"] > 0
    assert first[-1]["loss"] < first[0]["loss"]
    for entry in then:
        weighted = 0.7 * entry["loss_kl"] + 0.3 * entry["loss_ce"] + 0.3 * entry["loss_hidden"]
        assert entry["loss"] == pytest.approx(weighted, abs=1e-5)
    assert then[0]["loss_hidden"] == pytest.approx(first[-1]["loss"], rel=0.5)
    assert torch.equal(heads[0], head)
    assert torch.equal(heads[1], head)
    assert not torch.equal(heads[2], head)
    assert not torch.equal(embeddings[0], embeddings[1])


@pytest.mark.parametrize(("options", "shown"), [({}, "1"), ({"features": HiddenStates()}, "-1")])
def test_the_first_epochs_need_features(trainer, tiny_bert, narrow, options, shown):
    message = f"^features_first is {shown}: it must be 0, or a number of epochs beside features$"
    with pytest.raises(ValueError, match=message):
        trainer(narrow, tiny_bert(), features_first=int(shown), **options)


def test_without_features_the_parts_are_logged_where_there_are_two(trainer, tiny_bert, narrow):
    for weight, names in ((0.5, {"loss_dkd", "loss_ce"}), (0.0, set())):
        made = trainer(copy.deepcopy(narrow), tiny_bert(), loss="dkd", hard_label_weight=weight)
        made.train()
        assert {name for name in steps(made)[0] if name.startswith("loss_")} == names


@pytest.mark.parametrize("attention", ["sdpa", "eager"])
@pytest.mark.parametrize("loss", [HiddenStates(layers={0: 0, 1: 1}), Relations()])
def test_a_copy_of_the_teacher_scores_zero(trainer, tiny_bert, loss, attention):
    teacher = tiny_bert()
    teacher.set_attn_implementation(attention)
    made = trainer(copy.deepcopy(teacher), teacher, features=loss, arguments={"max_steps": 1})
    made.train()
    assert steps(made)[0][f"loss_{loss.name}"] == pytest.approx(0, abs=1e-6)


def test_projections_are_trained_and_not_shipped(trainer, tiny_bert, narrow, tmp_path):
    names = set(narrow.state_dict())
    made = trainer(narrow, tiny_bert(), features=HiddenStates(), arguments={"save_strategy": "steps", "save_steps": 2})
    before = made.features.projections[0].weight.detach().clone()
    assert before.shape == (16, 8)
    made.train()
    assert set(made.model.state_dict()) == names
    assert not any(module._forward_hooks for module in made.model.modules())
    saved = [load_file(tmp_path / f"out/checkpoint-{step}/model.safetensors") for step in (2, 4)]
    assert set(saved[0]) - names == {f"{PROJECTIONS}.0.weight"}
    assert not saved[0][f"{PROJECTIONS}.0.weight"].equal(before)
    assert not saved[0][f"{PROJECTIONS}.0.weight"].equal(saved[1][f"{PROJECTIONS}.0.weight"])
    made.save_model(str(tmp_path / "shipped"))
    assert set(load_file(tmp_path / "shipped/model.safetensors")) == names


def test_projections_are_drawn_by_the_seed_and_disturb_no_other_random_number(trainer, tiny_bert, narrow):
    state = torch.random.get_rng_state()
    first, again, other = (
        FeatureTerm(HiddenStates(), narrow, {0: 0}, [16], seed=seed).projections[0].weight for seed in (1, 1, 2)
    )
    assert first.equal(again)
    assert not first.equal(other)
    assert torch.random.get_rng_state().equal(state)


def test_a_feature_loss_alone_brings_the_student_to_the_teacher(trainer, tiny_bert, narrow):
    made = trainer(narrow, tiny_bert(), features=HiddenStates(weight=1.0), arguments={"max_steps": 40})
    made.train()
    assert steps(made)[-1]["loss_hidden"] < 0.5 * steps(made)[0]["loss_hidden"]


@pytest.mark.parametrize("loss", LOSSES)
def test_bfloat16(trainer, tiny_bert, narrow, loss):
    full, half = (
        trainer(copy.deepcopy(narrow), tiny_bert(), features=loss, arguments={"bf16": bf16, "max_steps": 2})
        for bf16 in (False, True)
    )
    for made in (full, half):
        made.train()
    name = f"loss_{loss.name}"
    assert steps(half)[0][name] == pytest.approx(steps(full)[0][name], rel=0.02)
    assert all(weight.isfinite().all() for weight in half.model.parameters())


@pytest.mark.parametrize("loss", [HiddenStates(), HiddenStates(layers={1: 1}), Relations(heads=2)])
def test_a_student_with_speedups_takes_the_same_step(trainer, tiny_bert, narrow, loss):
    taken = []
    for fast in (False, True):
        student, watch = copy.deepcopy(narrow), Gradients()
        made = trainer(student, tiny_bert(), size=16, features=loss, callbacks=[watch], arguments={"max_steps": 1})
        if fast:
            needs = Needs(last_layer=made.features.reads_last_layer)
            assert Speedups.apply(student, token_ids=None, specials=0, needs=needs).real_tokens
        made.train()
        taken.append((steps(made)[0]["loss"], watch.first))
    assert taken[1][0] == pytest.approx(taken[0][0], abs=1e-5)
    for name, gradient in taken[0][1].items():
        torch.testing.assert_close(taken[1][1][name], gradient, atol=1e-5, rtol=1e-4, msg=name)


def test_a_last_layer_that_computes_one_token_is_refused_where_the_loss_reads_the_others(trainer, tiny_bert, narrow):
    Speedups.apply(narrow, token_ids=None, specials=0)
    made = trainer(narrow, tiny_bert(), features=HiddenStates(layers={1: 1}))
    with pytest.raises(ValueError, match="^the student's last layer computes its first token alone, and the "):
        made.train()


def test_the_teacher_is_left_as_it_was(trainer, tiny_bert, narrow):
    teacher = tiny_bert(dropout=0.5).train()
    before = copy.deepcopy(teacher.state_dict())
    trainer(narrow, teacher, features=HiddenStates()).train()
    assert all(value.equal(before[name]) for name, value in teacher.state_dict().items())
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in teacher.modules())


def test_evaluation_reads_no_layers(trainer, tiny_bert, narrow):
    made = trainer(narrow, tiny_bert(), features=HiddenStates())
    made.train()
    metrics = made.evaluate(made.train_dataset)
    assert metrics["eval_loss"] > 0
    assert not {name for name in metrics if "hidden" in name}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"features": HiddenStates(layers={5: 0})}, "features: the student has layers 0 to 1, and no layer 5"),
        ({"features": HiddenStates(layers={0: 9})}, "features: the teacher has layers 0 to 1, and no layer 9"),
        (
            {"features": Relations(heads=16)},
            "features: relations of 16 heads cannot be taken of widths 8 (student) and 16 (teacher): heads must divide "
            "both, as 8 does",
        ),
        (
            {"features": HiddenStates(), "arguments": {"torch_compile": True}},
            "features: the layers of a compiled model cannot be read; leave torch_compile out",
        ),
    ],
)
def test_what_cannot_be_computed_is_refused_when_the_trainer_is_made(trainer, tiny_bert, narrow, options, message):
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        trainer(narrow, tiny_bert(), **options)


def test_features_need_a_teacher(trainer, narrow):
    with pytest.raises(ValueError, match="^features: hidden needs teacher_model, whose layers it reads$"):
        trainer(narrow, None, features=HiddenStates())


def test_other_tokens_are_an_error(tiny_bert, narrow):
    teacher, loss = tiny_bert(), HiddenStates()
    pairs = layer_pairs(loss, narrow, teacher)
    assert pairs == {0: 0}
    live = LiveTeacher(teacher, reader_of(loss, teacher, [0], of="teacher"))
    ids = torch.tensor([[2, 5, 3]])
    _, (values,) = live({"input_ids": ids, "attention_mask": torch.ones_like(ids)})
    term = FeatureTerm(loss, narrow, pairs, [16], seed=0)
    with pytest.raises(ValueError, match="^the teacher has features for 3 tokens, the student for 2: they do not read"):
        term.rows([torch.zeros(2, 16)], [values], torch.tensor([2]))
