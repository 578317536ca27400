"""Answers of a service: each different text is asked about once, and the answers become logits."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from alambique.artefacts.splits import Splits
from alambique.inference.answering import AnswerSource, Requests
from alambique.inference.asking import Asking
from alambique.inference.chat import Messages
from alambique.inference.kept_answers import KeptAnswers
from alambique.inference.label_scores import Reply, confident, measured_confidence, named, scores
from alambique.progress import Reporter
from alambique.recipe.answering import Endpoint

DEFAULT_INSTRUCTIONS = "Which label fits the text?"


@dataclass(frozen=True)
class FromEndpoint(AnswerSource):
    """A service, and what it is asked.

    Attributes:
        settings: address, model, instructions.
        label_names: what may be answered.

    Example:
        >>> from alambique.inference.endpoint import FromEndpoint
        >>> from alambique.recipe.answering import Endpoint
        >>> source = FromEndpoint(Endpoint(url="http://localhost:8000/v1", model="m"), ("bad", "good"))
        >>> print(source.question(("a fine lamp",))[0]["content"])
        Which label fits the text?
        <BLANKLINE>
        Answer with one of these labels, exactly as it is written, and nothing else:
        bad
        good
        <BLANKLINE>
        Text:
        a fine lamp
    """

    settings: Endpoint
    label_names: tuple[str, ...]

    def key(self) -> dict[str, Any]:
        """What the answers depend on; not how fast, how often or for how long it is asked."""
        return {"endpoint": {
            "url": self.settings.url, "model": self.settings.model, "question": self.question(("",)),
            "top_logprobs": self.settings.top_logprobs,
        }}  # fmt: skip

    def question(self, row: tuple[str, ...]) -> Messages:
        """The question about a row: one message, since not all models know others.

        Args:
            row: its text or, of two segments, both.
        """
        names, text = "\n".join(self.label_names), "\n\n".join(segment for segment in row if segment)
        return [{"role": "user", "content": (
            f"{self.settings.instructions or DEFAULT_INSTRUCTIONS}\n\n"
            f"Answer with one of these labels, exactly as it is written, and nothing else:\n{names}\n\nText:\n{text}"
        )}]  # fmt: skip

    def asked(self, question: Messages) -> str:
        """The id of a question, by which its answer is kept."""
        settings = self.settings
        values = [settings.url, settings.model, settings.top_logprobs, question]
        return hashlib.sha256(json.dumps(values).encode()).hexdigest()[:32]

    def questions(self, splits: Splits) -> dict[str, list[Messages]]:
        """The question about each row, by split."""
        return {split.name: [self.question(row) for row in split.segments()] for split in splits}

    def requests(self, splits: Splits) -> Requests:
        """One for each different text."""
        every = [self.asked(each) for of_split in self.questions(splits).values() for each in of_split]
        return Requests(len(set(every)), len(every), self.settings.max_requests)

    def answer(
        self, splits: Splits, scratch: Path, reporter: Reporter, *, kept: Path
    ) -> tuple[Mapping[str, np.ndarray], dict[str, Any]]:
        """Ask about each different text that has no answer in ``kept`` yet.

        Raises:
            RecipeError: fewer requests are allowed than are needed. Nothing was asked.
            ServiceError: no request is left, or the service keeps failing.
            ModelError: the service refuses, or its first answers name no label.
        """
        del scratch
        ids = {name: [(self.asked(each), each) for each in of] for name, of in self.questions(splits).items()}
        answers = KeptAnswers(kept, most=self.settings.max_requests)
        try:
            with reporter.stage("asking the teacher") as step:
                questions = {asked: each for of_split in ids.values() for asked, each in of_split}
                Asking(self.settings, self.label_names, questions, answers, step).ask_all()
        finally:
            answers.close()
        replies = {name: [answers.replies[asked] for asked, _ in of_split] for name, of_split in ids.items()}
        logits, facts = scored(replies, splits.valid.labels, self.label_names)
        return logits, {"parameters": None, "model": self.settings.model, **facts}


def scored(
    replies: Mapping[str, list[Reply]], truth: np.ndarray, label_names: tuple[str, ...]
) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Logits of all rows: by tokens, or by the label named with the confidence that such answers earn on valid.

    Args:
        replies: to each row, by split.
        truth: (rows,) the labels of valid.
        label_names: C names.

    Returns:
        Logits by split, (rows, C) float32, and how many rows were scored in which way, with the confidence of each label.
    """
    by_tokens = {name: [scores(reply, label_names) for reply in of] for name, of in replies.items()}
    labels = {name: [named(reply.text, label_names) for reply in of] for name, of in replies.items()}
    in_words = [row for row, each in enumerate(by_tokens["valid"]) if each is None]
    confidence = measured_confidence(
        [labels["valid"][row] for row in in_words], truth[np.array(in_words, dtype=np.int64)], len(label_names)
    )
    logits = {
        name: np.array([
            confident(label, confidence) if score is None else score
            for score, label in zip(by_tokens[name], labels[name], strict=True)
        ], dtype=np.float32).reshape(-1, len(label_names))
        for name in replies
    }  # fmt: skip
    every = [pair for name in replies for pair in zip(by_tokens[name], labels[name], strict=True)]
    in_words_everywhere = sum(score is None and label is not None for score, label in every)
    return logits, {
        "by_tokens": sum(score is not None for score, _ in every),
        "by_words": in_words_everywhere,
        "unusable": sum(score is None and label is None for score, label in every),
        "confidence": dict(zip(label_names, confidence.tolist(), strict=True)) if in_words_everywhere else None,
    }
