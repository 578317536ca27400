"""Questions put to a service, several at the same time; every answer is kept at once."""

import threading
from collections.abc import Callable, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from itertools import islice
from typing import Any

from alambique.errors import ModelError, RecipeError, ServiceError
from alambique.inference.chat import KEY, Chat, Messages, RefusedError
from alambique.inference.kept_answers import BudgetSpentError, KeptAnswers
from alambique.inference.label_scores import Reply, named, scores, telling
from alambique.progress import Step
from alambique.recipe.answering import Endpoint

_TRIED = 20  # answers, of which one at least must name a label
_AHEAD = 2  # questions per thread that wait for it
_ROOM = 16  # tokens of an answer, beside those of the longest name
_THOUGHTS = 4096  # tokens, of a model that thinks before it answers

Form = Mapping[str, Any]  # what a request holds beside model and messages


def forms(labels: tuple[str, ...], top_logprobs: int) -> list[Form]:
    """Forms of a request, the one that tells most first: log-probabilities, an answer bound to the labels, words.

    Args:
        labels: what may be answered.
        top_logprobs: most alternatives per token; 0 for none.

    Example:
        >>> from alambique.inference.asking import forms
        >>> [sorted(form) for form in forms(("bad", "good"), 5)][:2]
        [['logprobs', 'max_tokens', 'temperature', 'top_logprobs'], ['max_tokens', 'response_format', 'temperature']]
    """
    # a name may be a token a letter, and in JSON
    short = {"temperature": 0, "max_tokens": _ROOM + 2 * max(map(len, labels))}
    long = {"max_completion_tokens": _THOUGHTS}
    schema = {
        "type": "object", "properties": {"label": {"type": "string", "enum": list(labels)}}, "required": ["label"],
        "additionalProperties": False,
    }  # fmt: skip
    bound = {"response_format": {
        "type": "json_schema", "json_schema": {"name": "label", "strict": True, "schema": schema},
    }}  # fmt: skip
    counts = [count for count in (top_logprobs, 5) if 0 < count <= top_logprobs]
    return [
        *({**short, "logprobs": True, "top_logprobs": count} for count in dict.fromkeys(counts)),
        {**short, **bound}, {**long, **bound}, short, long,
    ]  # fmt: skip


class Asking:
    """Asks a service all questions that it has not answered yet."""

    def __init__(
        self, settings: Endpoint, labels: tuple[str, ...], questions: Mapping[str, Messages], kept: KeptAnswers, step: Step
    ) -> None:
        """Nothing is asked yet.

        Args:
            settings: address, model, patience.
            labels: what may be answered.
            questions: by id.
            kept: the answers that are there, and where further ones go.
            step: told of progress.
        """
        self.settings, self.labels, self.questions, self.kept, self.step = settings, labels, questions, kept, step
        self.service = f"{settings.url} {settings.model} {settings.top_logprobs}"
        self.stop = threading.Event()
        self._useful = False  # whether an answer named a label

    def ask_all(self) -> None:
        """Ask; answers under way when it stops are waited for and kept.

        Raises:
            RecipeError: fewer requests are allowed than are needed. Nothing was asked.
            ServiceError: no request is left, or the service keeps failing.
            ModelError: the service refuses, or its first answers name no label.
        """
        todo = self._missing()
        self.step.start(len(self.questions))
        self.step.advance(len(self.questions) - len(todo))
        self._refuse_nonsense()
        if not todo:
            return
        most = self.settings.max_requests
        if most is not None and most - self.kept.requests < len(todo):
            raise RecipeError(f"{self._budget()} Nothing was asked now.")
        chat = Chat(self.settings, spend=self.kept.spend, say=self.step.say, stop=self.stop)
        try:
            form = self._settled(chat)
            self._ask_rest(lambda question: self._ask(chat, form, question))
        except BudgetSpentError:
            raise ServiceError(self._budget()) from None
        except ServiceError as error:
            raise ServiceError(f"{error} {self._counted()} Give the same command again to go on.") from None

    def _missing(self) -> list[str]:
        return [question for question in self.questions if question not in self.kept.replies]

    def _counted(self) -> str:
        missing, total = len(self._missing()), len(self.questions)
        return f"{total - missing} of {total} answers are there and are kept; {missing} are missing."

    def _budget(self) -> str:
        most, made = self.settings.max_requests, self.kept.requests
        return (
            f"{KEY}.max_requests is {most}, and {made} requests were made, those that failed included. {self._counted()} "
            f"Set {KEY}.max_requests to {made + len(self._missing())} or more, and give the same command again."
        )

    def _settled(self, chat: Chat) -> Form:
        """The form that the service takes, by its answers to the first questions, which are kept."""
        known = forms(self.labels, self.settings.top_logprobs)
        place = self.kept.forms.get(self.service)
        if place is not None and place < len(known):
            return known[place]
        place, refused = 0, None
        for question in sorted(self._missing(), key=lambda each: len(str(self.questions[each]))):  # short: no length is at fault
            while place < len(known):
                try:
                    reply = chat.ask(self.questions[question], known[place])
                except RefusedError as error:
                    refused, place = error, place + 1
                    continue
                silent = "logprobs" in known[place] and not reply.top
                if not silent:
                    self.kept.keep_form(self.service, place)
                if not silent or named(reply.text, self.labels) is not None:
                    self._keep(question, reply)
                if not silent:
                    return known[place]
                place = next(number for number, form in enumerate(known) if "logprobs" not in form)
                if question in self.kept.replies:
                    break
        if refused is not None and place == len(known):
            raise refused
        return known[place]

    def _ask(self, chat: Chat, form: Form, question: str) -> None:
        try:
            reply = chat.ask(self.questions[question], form)
        except RefusedError as error:  # of this text alone: too long, or filtered; it is not asked again
            self.step.say(str(error))
            reply = Reply("")
        self._keep(question, reply)

    def _keep(self, question: str, reply: Reply) -> None:
        self.kept.keep(question, telling(reply, self.labels))
        self.step.advance()
        self._useful = self._useful or self._tells(reply)

    def _ask_rest(self, ask: Callable[[str], None]) -> None:
        left, pending = iter(self._missing()), set[Future[None]]()
        with ThreadPoolExecutor(self.settings.concurrency) as pool:
            try:
                while True:
                    room = _AHEAD * self.settings.concurrency - len(pending)
                    pending |= {pool.submit(ask, question) for question in islice(left, room)}
                    if not pending:
                        return
                    done, pending = wait(pending, return_when=FIRST_COMPLETED)
                    for future in done:
                        future.result()
                    self._refuse_nonsense()
            except BaseException:  # Ctrl-C too: nothing more is asked, and what is under way is kept
                self.stop.set()
                for future in pending:
                    future.cancel()
                raise

    def _tells(self, reply: Reply) -> bool:
        return scores(reply, self.labels) is not None or named(reply.text, self.labels) is not None

    def _refuse_nonsense(self) -> None:
        """Stop before more is paid for if none of the first answers can be used."""
        if self._useful:
            return
        replies = [self.kept.replies[each] for each in self.questions if each in self.kept.replies]
        self._useful = any(map(self._tells, replies))
        if not self._useful and len(replies) >= _TRIED:
            raise ModelError(
                f"{KEY}: none of the first {len(replies)} answers names a label; one is {replies[0].text[:80]!r}. Change "
                f"{KEY}.instructions, or take another model."
            )
