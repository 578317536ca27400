import copy
import json

import pytest
import torch
from datasets import Dataset
from transformers import DataCollatorWithPadding, TrainerCallback, TrainingArguments

from alambique import DistillationTrainer, distillation_loss
from alambique.losses.prediction import LOSSES
from conftest import LABELS, rows


@pytest.fixture
def dataset(tokenizer):
    """Build encoded rows, with labels and, if given a teacher, its logits."""

    def build(count=16, teacher=None, keep=("input_ids", "attention_mask", "token_type_ids")):
        records = rows(count, 7)
        encoded = tokenizer([row["text"] for row in records])
        columns = {name: encoded[name] for name in keep} | {"labels": [LABELS.index(row["label"]) for row in records]}
        if teacher is not None:
            batch = tokenizer([row["text"] for row in records], return_tensors="pt", padding=True)
            with torch.no_grad():
                columns["teacher_logits"] = teacher(**batch).logits.tolist()
        return Dataset.from_dict(columns)

    return build


@pytest.fixture
def trainer(tokenizer, tmp_path):
    def build(model, train, *, size=4, accumulate=1, epochs=1, **options):
        settings = {
            "output_dir": str(tmp_path / "out"), "per_device_train_batch_size": size, "num_train_epochs": epochs,
            "gradient_accumulation_steps": accumulate, "learning_rate": 1e-2, "report_to": "none", "disable_tqdm": True,
            "save_strategy": "no", "use_cpu": True, "dataloader_pin_memory": False, "logging_steps": 1,
            "max_grad_norm": 0.0, "lr_scheduler_type": "constant", **options.pop("arguments", {}),
        }  # fmt: skip
        return DistillationTrainer(
            model=model, args=TrainingArguments(**settings), train_dataset=train,
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


def first_step(trainer, model, train, **options):
    watch = Gradients()
    made = trainer(copy.deepcopy(model), train, callbacks=[watch], **options)
    made.train()
    return next(log["loss"] for log in made.state.log_history if "loss" in log), watch.first


@pytest.mark.parametrize("hidden", [(), (1, 6)])
@pytest.mark.parametrize("count", [16, 14])  # 14: micro-batches of 4, 4, 4 and 2
def test_accumulated_micro_batches_equal_one_batch(trainer, dataset, tiny_bert, tiny_distilbert, count, hidden):
    train = dataset(count, tiny_bert())
    train = train.map(lambda row, i: {"labels": -100 if i in hidden else row["labels"]}, with_indices=True)
    student = tiny_distilbert()
    whole_loss, whole = first_step(trainer, student, train, size=16)
    parts_loss, parts = first_step(trainer, student, train, size=4, accumulate=4)
    assert parts_loss == pytest.approx(whole_loss, abs=1e-5)
    assert whole.keys() == parts.keys()
    for name, gradient in whole.items():
        torch.testing.assert_close(parts[name], gradient, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("name", [name for name, kind in LOSSES.items() if not kind.needs_batch])
def test_every_loss_of_rows_is_the_same_in_micro_batches(trainer, dataset, tiny_bert, tiny_distilbert, name):
    train, student, options = dataset(14, tiny_bert()), tiny_distilbert(), {"loss": name, "label_order": range(3)}
    whole_loss, whole = first_step(trainer, student, train, size=16, **options)
    parts_loss, parts = first_step(trainer, student, train, size=4, accumulate=4, **options)
    assert parts_loss == pytest.approx(whole_loss, abs=1e-5)
    for key, gradient in whole.items():
        torch.testing.assert_close(parts[key], gradient, atol=1e-5, rtol=1e-5)


def test_a_loss_of_batches_is_refused_in_micro_batches(trainer, dataset, tiny_bert, tiny_distilbert):
    with pytest.raises(ValueError, match="^loss: dist compares the rows of a batch with each other, so gradient_acc"):
        trainer(tiny_distilbert(), dataset(16, tiny_bert()), size=4, accumulate=4, loss="dist")


def test_cached_and_live_logits_train_alike(trainer, dataset, tiny_bert, tiny_distilbert):
    teacher, student = tiny_bert(), tiny_distilbert()
    live = trainer(copy.deepcopy(student), dataset(), teacher_model=teacher, epochs=5)
    live.train()
    cached = trainer(copy.deepcopy(student), dataset(teacher=teacher), epochs=5)
    cached.train()
    for (name, a), b in zip(live.model.state_dict().items(), cached.model.state_dict().values(), strict=True):
        torch.testing.assert_close(a, b, atol=1e-4, rtol=1e-4, msg=name)


def test_distillation_happens(trainer, dataset, tiny_bert, tiny_distilbert):
    """A plain Trainer given the column would swallow it; here the soft labels alone pull the student to the teacher."""
    teacher, student = tiny_bert(), tiny_distilbert()
    train = dataset(32, teacher)
    wanted = torch.tensor(train["teacher_logits"])

    def distance(model):
        batch = DataCollatorWithPadding(made.processing_class)(
            [{k: row[k] for k in ("input_ids", "attention_mask")} for row in train]
        )
        with torch.no_grad():
            logits = model.eval()(**batch).logits
        return distillation_loss(logits, wanted, None, temperature=1, hard_label_weight=0).item()

    made = trainer(student, train, hard_label_weight=0.0, temperature=1.0, epochs=20)
    before = distance(student)
    made.train()
    assert distance(made.model) < before / 10


def test_the_loss_is_the_mixture(trainer, dataset, tiny_bert, tiny_distilbert):
    teacher, student = tiny_bert(), tiny_distilbert()
    made = trainer(student, dataset(4, teacher), temperature=3.0, hard_label_weight=0.3, loss="mse")
    batch = next(iter(made.get_train_dataloader()))
    inputs = {"input_ids": batch["input_ids"], "attention_mask": batch["attention_mask"]}
    expected = distillation_loss(
        student(**inputs).logits, batch["teacher_logits"], batch["labels"], temperature=3.0, hard_label_weight=0.3,
        loss="mse",
    )  # fmt: skip
    torch.testing.assert_close(made.compute_loss(student, dict(batch)), expected)
    loss, outputs = made.compute_loss(student, dict(batch), return_outputs=True)
    assert outputs.logits.shape == (4, 3)
    torch.testing.assert_close(loss, expected)


@pytest.mark.parametrize("accumulate", [1, 4])
def test_temperature_and_weight_move_with_the_steps(trainer, dataset, tiny_bert, tiny_distilbert, accumulate):
    """The student does not move, so that the loss of each of three steps over all rows is that of its own values."""
    teacher, student = tiny_bert(), tiny_distilbert()
    train = dataset(16, teacher)
    made = trainer(
        student, train, size=16 // accumulate, accumulate=accumulate, epochs=3, temperature=(4.0, 1.0),
        hard_label_weight=[0.2, 0.8], arguments={"learning_rate": 0.0},
    )  # fmt: skip
    batch = made.data_collator([dict(row) for row in train])
    with torch.no_grad():
        logits = student(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"]).logits
    expected = [
        distillation_loss(logits, batch["teacher_logits"], batch["labels"], temperature=t, hard_label_weight=w).item()
        for t, w in ((4.0, 0.2), (2.5, 0.5), (1.0, 0.8))
    ]
    made.train()
    logged = [entry["loss"] for entry in made.state.log_history if "loss" in entry]
    assert logged == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("accumulate", [1, 4])
def test_weights_of_rows_beside_a_weight_that_moves(trainer, dataset, tiny_bert, tiny_distilbert, accumulate):
    """The student does not move; 14 rows make micro-batches of 4, 4, 4 and 2, and two rows have no hard label."""
    student, weights = tiny_distilbert(), [0.25, 1.0, 0.0, 2.0, *[1.0] * 9, 0.5]
    train = dataset(14, tiny_bert()).add_column("hard_label_weights", weights)
    train = train.map(lambda row, i: {"labels": -100 if i in (1, 6) else row["labels"]}, with_indices=True)
    made = trainer(
        student, train, size=16 // accumulate, accumulate=accumulate, epochs=3, temperature=(4.0, 1.0),
        hard_label_weight=[0.2, 0.8], arguments={"learning_rate": 0.0},
    )  # fmt: skip
    batch = made.data_collator([dict(row) for row in train])
    with torch.no_grad():
        logits = student(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"]).logits
    hard = torch.nn.functional.cross_entropy(logits, batch["labels"], reduction="none")  # 0 at -100
    soft = [
        distillation_loss(logits, batch["teacher_logits"], None, temperature=t, hard_label_weight=0).item()
        for t in (4.0, 2.5, 1.0)
    ]
    mean = (hard * torch.tensor(weights)).sum().item() / 12
    made.train()
    logged = [entry for entry in made.state.log_history if "loss" in entry]
    assert [entry["loss_ce"] for entry in logged] == pytest.approx([mean] * 3, rel=1e-5)
    expected = [(1 - w) * part + w * mean for w, part in zip((0.2, 0.5, 0.8), soft, strict=True)]
    assert [entry["loss"] for entry in logged] == pytest.approx(expected, rel=1e-5)


def test_a_row_of_weight_0_is_a_row_without_a_hard_label_but_counts(trainer, dataset, tiny_distilbert):
    """Hard labels alone: the gradient of 16 rows, 4 of which weigh nothing, is 12/16 of that of the 12."""
    train, student = dataset(16), tiny_distilbert()
    weighted = train.add_column("hard_label_weights", [0.0] * 4 + [1.0] * 12)
    _, expected = first_step(trainer, student, train.select(range(4, 16)), size=16, hard_label_weight=1.0)
    _, gradients = first_step(trainer, student, weighted, size=16, hard_label_weight=1.0)
    for name, gradient in expected.items():
        torch.testing.assert_close(gradients[name], gradient * 12 / 16, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("bad", [-0.5, float("nan"), float("inf")])
def test_a_weight_that_cannot_be_is_refused(trainer, dataset, tiny_distilbert, bad):
    train = dataset(4).add_column("hard_label_weights", [1.0, 1.0, bad, 1.0])
    with pytest.raises(ValueError, match=r"^hard_label_weights must be finite and 0 or more, not \["):
        trainer(tiny_distilbert(), train, hard_label_weight=1.0).train()


def test_soft_labels_are_needed_as_long_as_they_have_weight(trainer, dataset, tiny_distilbert):
    with pytest.raises(ValueError, match="There are no soft labels to distil from"):
        trainer(tiny_distilbert(), dataset(), hard_label_weight=(1.0, 0.0)).train()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"temperature": (4.0, 0.0)},
            "temperature must be above 0 and hard_label_weight from 0 to 1, not (4.0, 0.0) and 0.5",
        ),
        (
            {"hard_label_weight": (0.0, 1.5)},
            "temperature must be above 0 and hard_label_weight from 0 to 1, not 2.0 and (0.0, 1.5)",
        ),
        ({"temperature": (4.0,)}, "must be a number, or a list of two: at the first step and at the last"),
    ],
)
def test_a_value_that_moves_is_checked_at_both_ends(tiny_distilbert, options, message):
    with pytest.raises(ValueError) as refused:  # noqa: PT011 - the whole message is compared
        DistillationTrainer(model=tiny_distilbert(), **options)
    assert str(refused.value) == message


def test_the_live_teacher_reads_its_own_inputs_in_eval_mode(trainer, dataset, tiny_bert, tiny_distilbert):
    """Trainer would drop the teacher's token types, which DistilBERT does not name."""
    teacher = tiny_bert(dropout=0.5)
    made = trainer(tiny_distilbert(), dataset(4), teacher_model=teacher, hard_label_weight=0.0)
    teacher.train()
    batch = next(iter(made.get_train_dataloader()))
    batch["token_type_ids"] = torch.ones_like(batch["input_ids"])
    first, second = (made.compute_loss(made.model, dict(batch)) for _ in range(2))
    assert torch.equal(first, second)
    batch["token_type_ids"] = torch.zeros_like(batch["input_ids"])
    assert not torch.equal(first, made.compute_loss(made.model, dict(batch)))
    assert not first.isnan()


def test_the_teacher_does_not_learn(trainer, dataset, tiny_bert, tiny_distilbert):
    teacher = tiny_bert()
    before = copy.deepcopy(teacher.state_dict())
    trainer(tiny_distilbert(), dataset(), teacher_model=teacher).train()
    assert all(torch.equal(before[name], weight) for name, weight in teacher.state_dict().items())
    assert all(p.grad is None for p in teacher.parameters())


def test_evaluation_without_soft_labels_is_cross_entropy(trainer, dataset, tiny_bert, tiny_distilbert):
    student = tiny_distilbert()
    made = trainer(student, dataset(4, tiny_bert()))
    valid = dataset(8)
    batch = DataCollatorWithPadding(made.processing_class)(
        [{k: row[k] for k in ("input_ids", "attention_mask", "labels")} for row in valid]
    )
    with torch.no_grad():
        expected = student(**batch).loss.item()
    assert made.evaluate(valid)["eval_loss"] == pytest.approx(expected, abs=1e-5)


def test_label_smoothing_reaches_the_hard_part(trainer, dataset, tiny_distilbert):
    student = tiny_distilbert()
    made = trainer(student, dataset(4), hard_label_weight=1.0, arguments={"label_smoothing_factor": 0.2})
    batch = next(iter(made.get_train_dataloader()))
    with torch.no_grad():
        logits = student(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"]).logits
    expected = torch.nn.functional.cross_entropy(logits, batch["labels"], label_smoothing=0.2)
    torch.testing.assert_close(made.compute_loss(student, dict(batch)).detach(), expected)


def test_mixed_precision_trains_to_about_the_same_weights(trainer, dataset, tiny_bert, tiny_distilbert):
    train, student = dataset(16, tiny_bert()), tiny_distilbert()
    full_loss, _ = first_step(trainer, student, train, size=16)
    half_loss, gradients = first_step(trainer, student, train, size=16, arguments={"bf16": True})
    assert half_loss == pytest.approx(full_loss, rel=2e-2)
    assert all(torch.isfinite(gradient).all() for gradient in gradients.values())


def test_training_without_soft_labels_stops(trainer, dataset, tiny_distilbert):
    with pytest.raises(
        ValueError, match="There are no soft labels to distil from: give teacher_model, or a dataset column"
    ):
        trainer(tiny_distilbert(), dataset(4)).train()


def test_hard_labels_alone_need_no_teacher(trainer, dataset, tiny_distilbert):
    made = trainer(tiny_distilbert(), dataset(16), hard_label_weight=1.0, epochs=10)
    made.train()
    losses = [log["loss"] for log in made.state.log_history if "loss" in log]
    assert losses[-1] < losses[0]


def test_the_teachers_labels_must_be_the_students(trainer, dataset, tiny_bert, tiny_distilbert):
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the whole message is compared
        trainer(tiny_distilbert(), dataset(4), teacher_model=tiny_bert(labels=LABELS[::-1]))
    assert str(caught.value) == (
        "the teacher's labels are good, fair, bad, the student's bad, fair, good: the same class must have the same index "
        "in both"
    )


def test_bad_parameters_are_refused_before_anything_is_built(tiny_distilbert):
    with pytest.raises(ValueError, match="temperature must be above 0"):
        DistillationTrainer(model=tiny_distilbert(), temperature=0.0)


def test_a_student_that_gives_tuples_learns_and_is_scored_as_one_that_does_not(trainer, dataset, tiny_bert):
    train, results = dataset(teacher=tiny_bert(3)), []
    for return_dict in (True, False):
        student = tiny_bert()
        student.config.return_dict = return_dict
        made = trainer(student, train, eval_dataset=train)
        made.train()
        results.append((made.evaluate()["eval_loss"], made.predict(train).predictions))
    assert results[0][0] == results[1][0]
    assert results[0][1].shape == (16, 3)
    assert (results[0][1] == results[1][1]).all()


def test_a_student_whose_forward_names_nothing_is_given_the_batch(trainer, dataset, tiny_bert):
    class Wrapped(torch.nn.Module):
        def __init__(self, inner):
            super().__init__()
            self.inner, self.config, self.seen = inner, inner.config, set()

        def forward(self, **batch):
            self.seen |= set(batch)
            return self.inner(**batch)

    wrapped = Wrapped(tiny_bert())
    trainer(wrapped, dataset(teacher=tiny_bert(3))).train()
    assert wrapped.seen == {"input_ids", "attention_mask", "token_type_ids"}


def test_what_would_be_ignored_or_misread_is_refused(trainer, dataset, tiny_bert, tokenizer, tmp_path):
    train = dataset(teacher=tiny_bert(3))
    with pytest.raises(ValueError, match="compute_loss_func would be ignored: give the soft loss as loss"):
        trainer(tiny_bert(), train, compute_loss_func=lambda *_, **__: None)
    probabilities = train.remove_columns("labels").add_column("labels", [[0.2, 0.3, 0.5]] * 16)
    with pytest.raises(ValueError, match="labels must be class indices"):
        trainer(tiny_bert(), probabilities).train()

    tiny_bert().save_pretrained(tmp_path / "teacher")
    tokenizer.save_pretrained(tmp_path / "teacher")
    teacher = type(tiny_bert()).from_pretrained(tmp_path / "teacher")
    trainer(tiny_bert(), dataset(), teacher_model=teacher)  # its own tokenizer
    words = json.loads((tmp_path / "teacher" / "tokenizer.json").read_text())
    ids = words["model"]["vocab"]
    ids["lamp"], ids["door"] = ids["door"], ids["lamp"]
    (tmp_path / "teacher" / "tokenizer.json").write_text(json.dumps(words))
    with pytest.raises(ValueError, match="a live teacher") as caught:
        trainer(tiny_bert(), dataset(), teacher_model=teacher)
    assert str(caught.value) == (
        f"a live teacher reads the student's token ids, but the tokenizer in its folder {tmp_path / 'teacher'} numbers its "
        "tokens otherwise than processing_class: label the rows with the teacher's own tokenizer first, and give the logits "
        "as a column 'teacher_logits'"
    )
