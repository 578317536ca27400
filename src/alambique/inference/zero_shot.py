"""Answers of a model trained on natural language inference (NLI): does a text entail a sentence about each label?

Yin, Hay and Roth (2019), "Benchmarking Zero-shot Text Classification", https://aclanthology.org/D19-1404; as in the
``zero-shot-classification`` pipeline of Transformers with one label per text, the logits are those of entailment.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from alambique.artefacts.splits import Split, Splits
from alambique.artefacts.tokens import tokenize_rows
from alambique.errors import ModelError
from alambique.inference.answering import AnswerSource
from alambique.inference.torch_model import predict_tokens, to_device
from alambique.models.labels import label_names_of
from alambique.models.pretrained import PretrainedFolder, check_length, find_pretrained, load_config, load_finished
from alambique.models.tokenizer import load_tokenizer
from alambique.models.trial import Conditions, try_out
from alambique.progress import Reporter, Step
from alambique.recipe.answering import ZeroShot
from alambique.run.shards import in_shards

KEY = "teacher.zero_shot.model"
SHARD = 1024  # rows; lost if the process is killed


@dataclass(frozen=True)
class FromEntailment(AnswerSource):
    """An NLI checkpoint and a sentence for each label.

    Attributes:
        settings: template and words.
        checkpoint: found on disk.
        label_names: the classes.
        max_length: where texts are cut, in tokens; the sentence comes on top.
    """

    settings: ZeroShot
    checkpoint: PretrainedFolder
    label_names: tuple[str, ...]
    max_length: int

    @classmethod
    def resolve(cls, settings: ZeroShot, label_names: tuple[str, ...], *, max_length: int) -> "FromEntailment":
        """Find the checkpoint and try it out.

        Raises:
            ModelError: it cannot be loaded, has no class of entailment, or reads shorter texts.
            MisfitError: it does not fit its tokenizer, or cannot be run.
        """
        checkpoint = find_pretrained(settings.model, key=KEY)
        source = cls(settings, checkpoint, label_names, max_length)
        entailment_of(list(load_config(checkpoint.folder, key=KEY).id2label.values()), checkpoint.name)
        tokenizer, model = source._load()
        length = source.pair_length(tokenizer)
        check_length(checkpoint.folder, length, key=KEY)
        try_out(model, tokenizer, checkpoint.name, Conditions(KEY, label_names, length, pairs=True))
        return source

    def _load(self) -> tuple[PreTrainedTokenizerBase, PreTrainedModel]:
        tokenizer = load_tokenizer(self.checkpoint.folder, key=KEY)
        return tokenizer, load_finished(self.checkpoint.folder, key=KEY, tokenizer=tokenizer)

    @property
    def sentences(self) -> list[str]:
        """What is entailed or not, for each label."""
        return [self.settings.sentence(name) for name in self.label_names]

    def pair_length(self, tokenizer: PreTrainedTokenizerBase) -> int:
        """The greatest length of a text and a sentence together, in tokens."""
        lengths = tokenize_rows(tokenizer, [(sentence,) for sentence in self.sentences], max_length=None).lengths
        return self.max_length + int(max(lengths))

    def key(self) -> dict[str, Any]:
        """The checkpoint's digest, the sentences, and where texts are cut."""
        return {
            "inputs": {"checkpoint": self.checkpoint.digest}, "sentences": self.sentences, "max_length": self.max_length,
        }  # fmt: skip

    def answer(
        self, splits: Splits, scratch: Path, reporter: Reporter, *, kept: Path
    ) -> tuple[Mapping[str, np.ndarray], dict[str, Any]]:
        """Read each text once for each label; shards that a killed attempt finished are used."""
        del kept
        tokenizer, model = self._load()
        to_device(model)
        logits = {}
        with reporter.stage("zero-shot teacher") as step:
            step.start(sum(map(len, splits)))
            for split in splits:
                logits[split.name] = self._of_split(split, tokenizer, model, scratch, step)
        facts = {"parameters": model.num_parameters(), "model": self.settings.model, "sentences": self.sentences}
        return logits, facts

    def _of_split(
        self, split: Split, tokenizer: PreTrainedTokenizerBase, model: PreTrainedModel, scratch: Path, step: Step
    ) -> np.ndarray:
        def read(rows: range) -> np.ndarray:
            logits = self._of_texts(premises(split.take(rows)), tokenizer, model)
            step.advance(len(rows))
            return logits

        files = in_shards(scratch, len(split), SHARD, read, found=step.advance, name=f"{split.name}-")
        none = np.empty((0, len(self.sentences)), dtype=np.float32)  # a trial's test has no rows
        return np.concatenate([none, *(np.load(file, allow_pickle=False) for file in files)])

    def _of_texts(self, texts: list[str], tokenizer: PreTrainedTokenizerBase, model: PreTrainedModel) -> np.ndarray:
        """Logits of entailment, (texts, C)."""
        pairs = [(text, sentence) for text in texts for sentence in self.sentences]
        tokens = tokenize_rows(tokenizer, pairs, max_length=self.pair_length(tokenizer))
        entailment = entailment_of(label_names_of(model), self.checkpoint.name)
        return predict_tokens(model, tokens)[:, entailment].reshape(len(texts), len(self.sentences))


def premises(split: Split) -> list[str]:
    """The text of each row; of two segments both, one after the other."""
    return [" ".join(segment for segment in row if segment) for row in split.segments()]


def entailment_of(names: list[str], model: str) -> int:
    """The index of the class that stands for entailment, by its name.

    Raises:
        ModelError: none has such a name, or several have.
    """
    places = [place for place, name in enumerate(names) if str(name).casefold().startswith("entail")]
    if len(places) != 1:
        count = "no class" if not places else "several classes"
        raise ModelError(
            f"{KEY}: {model} has {count} named entailment; its classes are {', '.join(map(str, names))}. Give a classifier "
            "that was trained on natural language inference, or write the names into id2label of its config.json."
        )
    return places[0]
