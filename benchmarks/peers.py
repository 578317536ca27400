"""Students as other libraries make them: from the same teacher, rows and start as ours, with as many steps.

Used by quality.py. Each is configured as its own documents say, and its best epoch on valid is kept, as ours is:

- `textbrewer`: GeneralDistiller as its README sets it up for a student of three layers (temperature 8, `hidden_mse` and
  `mmd` of evenly spaced layers, no hard labels, learning rate 1e-4);
- `torchdistill kd`: KDLoss as in its sample for GLUE's MRPC, the smallest pair task there (temperature 11, 0.9 of
  cross-entropy, learning rate 1e-4, no warm-up);
- `torchdistill dist`: its DISTLoss with its own defaults, added to cross-entropy, in the same loop;
- `setfit`: pairs of rows with equal or different labels, then logistic regression, on the same start;
- `model2vec`: static vectors of the encoder that the teacher began from, fine-tuned on the hard labels with its defaults;
- `model2vec same start`: the same with the vectors that our static student begins with, of the teacher itself.
"""

import copy
import importlib.metadata
import importlib.util
import logging
import tempfile
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
import torch
from common import encoder
from textbrewer import INSTALL as TEXTBREWER
from textbrewer import library as textbrewer_library
from torch import nn
from torch.utils.data import DataLoader
from transformers import AutoModel, PreTrainedModel, PreTrainedTokenizerBase, get_linear_schedule_with_warmup, set_seed

from alambique.artefacts.splits import Splits
from alambique.artefacts.tokens import Tokens
from alambique.evaluation.tasks import TASKS
from alambique.inference.torch_model import predict_tokens, to_device
from alambique.models.token_vectors import begin, encode_vocabulary, vocabulary_size
from alambique.models.tokenizer import load_tokenizer
from alambique.models.vocabulary import count_tokens
from alambique.progress import quiet_libraries
from alambique.recipe.sections import Training
from alambique.recipe.static import Static

THEIR_RATE = 1e-4  # the learning rate in the documents of TextBrewer and in torchdistill's samples
Logits = dict[str, np.ndarray]  # (rows, C) by split: valid and test


class Job(NamedTuple):
    """What a student is made from. A way to make one leaves it as it is."""

    splits: Splits
    tokenizer: PreTrainedTokenizerBase
    tokens: dict[str, Tokens]  # of every split, by the teacher's tokenizer
    teacher: PreTrainedModel  # trained
    student: PreTrainedModel  # untrained
    settings: Training
    seed: int

    @property
    def steps(self) -> int:
        """Steps of an epoch."""
        return -(-len(self.splits.train) // self.settings.batch_size)


class Way(NamedTuple):
    """How a library makes a student, the package that it needs, and how that is installed."""

    make: Callable[[Job], Logits]
    package: str
    install: str

    def version(self) -> str | None:
        """The version of its package; None where it is not installed."""
        try:
            return importlib.metadata.version(self.package)
        except importlib.metadata.PackageNotFoundError:
            return None


class BestEpoch:
    """Keeps the logits of the epoch whose macro-F1 on valid is best."""

    def __init__(self, job: Job) -> None:
        """Args: the job whose rows are scored."""
        self.job, self.best, self.logits = job, -1.0, Logits()

    def score(self, model: PreTrainedModel) -> None:
        """Score the model after an epoch; it is left in the mode it was in."""
        training = model.training
        logits = {part.name: predict_tokens(model, self.job.tokens[part.name]) for part in _scored(self.job.splits)}
        model.train(training)
        reached = TASKS["single_label"].score("macro_f1", logits["valid"], self.job.splits.valid.labels)
        if reached > self.best:
            self.best, self.logits = reached, logits


def textbrewer(job: Job) -> Logits:
    """TextBrewer's general distiller; its callback scores each epoch."""
    package = textbrewer_library()
    set_seed(job.seed)
    teacher, student = to_device(copy.deepcopy(job.teacher)), to_device(copy.deepcopy(job.student))
    teacher.config.output_hidden_states = student.config.output_hidden_states = True
    optimizer = torch.optim.AdamW(student.parameters(), lr=THEIR_RATE)
    best = BestEpoch(job)
    total = job.steps * job.settings.epochs
    with tempfile.TemporaryDirectory() as folder:
        distiller = package.GeneralDistiller(
            package.TrainingConfig(output_dir=folder, device=student.device),
            package.DistillationConfig(temperature=8, intermediate_matches=_matches(teacher, student)),
            teacher, student,
            _outputs, _outputs,
        )  # fmt: skip
        with distiller:
            distiller.train(
                optimizer, DataLoader(range(len(job.splits.train)), job.settings.batch_size, shuffle=True,
                                      collate_fn=lambda rows: _batch(job, rows)),
                num_epochs=job.settings.epochs, scheduler_class=get_linear_schedule_with_warmup,
                scheduler_args={"num_warmup_steps": total // 10, "num_training_steps": total},
                callback=lambda model, step: best.score(model),  # noqa: ARG005
            )  # fmt: skip
    return best.logits


def _matches(teacher: PreTrainedModel, student: PreTrainedModel) -> list[dict[str, Any]]:
    """TextBrewer's L3_hidden_mse and L3_hidden_smmd, for any two depths: evenly spaced layers, from the embeddings on."""
    layers = student.config.num_hidden_layers
    pairs = [(i * teacher.config.num_hidden_layers // layers, i) for i in range(layers + 1)]
    common = {"feature": "hidden", "weight": 1}
    mse = [{"layer_T": of, "layer_S": to, "loss": "hidden_mse", **common} for of, to in pairs]
    return mse + [{"layer_T": [of, of], "layer_S": [to, to], "loss": "mmd", **common} for of, to in pairs]


def _outputs(batch: dict[str, torch.Tensor], outputs: Any) -> dict[str, Any]:
    return {"logits": outputs.logits, "hidden": outputs.hidden_states, "inputs_mask": batch["attention_mask"]}


def torchdistill_kd(job: Job) -> Logits:
    """Torchdistill's KDLoss."""
    from torchdistill.losses.mid_level import KDLoss  # noqa: PLC0415 - optional

    loss = KDLoss("logits", "output", "logits", "output", temperature=11.0, alpha=0.9)
    return _own_loop(job, lambda ours, theirs, labels: loss(_named(ours), _named(theirs), labels))


def torchdistill_dist(job: Job) -> Logits:
    """Torchdistill's DISTLoss beside cross-entropy."""
    from torchdistill.losses.mid_level import DISTLoss  # noqa: PLC0415 - optional

    loss = DISTLoss("logits", "output", "logits", "output")
    return _own_loop(
        job,
        lambda ours, theirs, labels: nn.functional.cross_entropy(ours, labels) + loss(_named(ours), _named(theirs)),
    )


def _named(logits: torch.Tensor) -> dict[str, dict[str, torch.Tensor]]:
    return {"logits": {"output": logits}}


def _own_loop(job: Job, loss: Callable[[torch.Tensor, torch.Tensor, torch.Tensor], torch.Tensor]) -> Logits:
    """Train with a loss of student logits, teacher logits and labels, as torchdistill's sample for MRPC is configured."""
    set_seed(job.seed)
    student, best = to_device(copy.deepcopy(job.student)), BestEpoch(job)
    taught = torch.from_numpy(predict_tokens(job.teacher, job.tokens["train"])).to(student.device)
    optimizer = torch.optim.AdamW(student.parameters(), lr=THEIR_RATE, weight_decay=0.0)
    schedule = get_linear_schedule_with_warmup(optimizer, 0, job.steps * job.settings.epochs)
    for epoch in range(job.settings.epochs):
        student.train()
        for rows in _shuffled(job, epoch):
            batch = _batch(job, rows.tolist())
            labels = batch.pop("labels").to(student.device)
            logits = student(**{name: values.to(student.device) for name, values in batch.items()}).logits
            loss(logits, taught[rows], labels).backward()
            nn.utils.clip_grad_norm_(student.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            optimizer.zero_grad()
        best.score(student)
    return best.logits


def setfit(job: Job) -> Logits:
    """SetFit: the student's encoder with mean pooling, trained on pairs of rows, and a logistic regression."""
    from datasets import Dataset  # noqa: PLC0415
    from sentence_transformers import SentenceTransformer, models  # noqa: PLC0415 - optional, as the next
    from setfit import SetFitModel, Trainer, TrainingArguments  # noqa: PLC0415
    from sklearn.linear_model import LogisticRegression  # noqa: PLC0415

    set_seed(job.seed)
    train, total = job.splits.train, job.steps * job.settings.epochs
    with tempfile.TemporaryDirectory() as folder:
        job.student.base_model.save_pretrained(folder)
        job.tokenizer.save_pretrained(folder)
        body = models.Transformer(folder, max_seq_length=job.tokenizer.model_max_length)
        pooling = models.Pooling(body.get_embedding_dimension())
        model = SetFitModel(SentenceTransformer(modules=[body, pooling]), LogisticRegression(max_iter=1000))
        arguments = TrainingArguments(
            output_dir=f"{folder}/out", batch_size=job.settings.batch_size, num_epochs=1, max_steps=total,
            num_iterations=max(1, total * job.settings.batch_size // (2 * len(train))), seed=job.seed,
            report_to="none", show_progress_bar=False, save_strategy="no",
        )  # fmt: skip
        data = Dataset.from_dict({"text": list(train.texts), "label": train.labels.tolist()})
        Trainer(model=model, args=arguments, train_dataset=data).train()
        return {part.name: _from_probabilities(job, model.predict_proba(list(part.texts)), model.model_head.classes_)
                for part in _scored(job.splits)}  # fmt: skip


def model2vec(job: Job) -> Logits:
    """Model2Vec's classifier, from the encoder that the teacher began from."""
    from model2vec.distill import distill_from_model  # noqa: PLC0415 - optional

    with quiet_libraries():
        static = distill_from_model(
            AutoModel.from_pretrained(encoder()), load_tokenizer(encoder(), key="teacher.model"), device="cpu"
        )
    return _model2vec_trained(job, static)


def model2vec_same_start(job: Job) -> Logits:
    """Model2Vec's classifier, from the vectors that our static student begins with."""
    from model2vec import StaticModel  # noqa: PLC0415 - optional

    counts = count_tokens([job.tokens["train"].columns["input_ids"]], vocabulary_size(job.tokenizer))
    vectors = begin(encode_vocabulary(job.teacher, job.tokenizer), counts, width=Static().width, a=Static().frequency)
    return _model2vec_trained(job, StaticModel(vectors, job.tokenizer.backend_tokenizer))


def _model2vec_trained(job: Job, static: Any) -> Logits:
    from model2vec.train import StaticModelForClassification  # noqa: PLC0415 - optional

    train, valid = job.splits.train, job.splits.valid
    model = StaticModelForClassification.from_static_model(model=static)
    labels = [str(label) for label in range(len(job.splits.label_names))]
    model.fit(
        list(train.texts), [labels[i] for i in train.labels], X_val=list(valid.texts),
        y_val=[labels[i] for i in valid.labels], random_seed=job.seed, device="cpu",
    )  # fmt: skip
    classes = np.array([int(name) for name in model.classes])
    return {part.name: _from_probabilities(job, model.predict_proba(list(part.texts)), classes)
            for part in _scored(job.splits)}  # fmt: skip


def _from_probabilities(job: Job, probabilities: Any, classes: np.ndarray) -> np.ndarray:
    """Logits of the labels in their order; a class that never occurs in train has the lowest that float32 tells apart."""
    logits = np.full((len(probabilities), len(job.splits.label_names)), np.log(1e-12), dtype=np.float32)
    logits[:, np.asarray(classes, dtype=np.int64)] = np.log(np.clip(np.asarray(probabilities), 1e-12, None))
    return logits


def _scored(splits: Splits) -> tuple[Any, Any]:
    return splits.valid, splits.test


def _shuffled(job: Job, epoch: int) -> Iterator[np.ndarray]:
    order = np.random.default_rng((job.seed, epoch)).permutation(len(job.splits.train))
    return iter(np.array_split(order, range(job.settings.batch_size, len(order), job.settings.batch_size)))


def _batch(job: Job, rows: list[int]) -> dict[str, torch.Tensor]:
    """A batch of train, padded to its longest row, with labels."""
    arrays = job.tokens["train"].batch(np.array(rows), {"input_ids", "attention_mask"})
    batch = {name: torch.from_numpy(values) for name, values in arrays.items()}
    return batch | {"labels": torch.from_numpy(job.splits.train.labels[rows])}


logging.getLogger("Distillation").setLevel(logging.WARNING)
_TORCHDISTILL = "torchdistill is not installed: pip install --no-deps torchdistill"
# without its dependencies, since its extra asks for transformers below 5.4
_MODEL2VEC = "Model2Vec is not installed: pip install --no-deps model2vec skeletoken"
WAYS = {
    "textbrewer": Way(textbrewer, "textbrewer", TEXTBREWER),
    "torchdistill kd": Way(torchdistill_kd, "torchdistill", _TORCHDISTILL),
    "torchdistill dist": Way(torchdistill_dist, "torchdistill", _TORCHDISTILL),
    "setfit": Way(setfit, "setfit", "SetFit is not installed: pip install --no-deps setfit evaluate"),
    "model2vec": Way(model2vec, "model2vec", _MODEL2VEC),
    "model2vec same start": Way(model2vec_same_start, "model2vec", _MODEL2VEC),
}
