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
        self,
        settings: Endpoint,
        labels: tuple[str, ...],
        questions: Mapping[str, Messages],
        kept: KeptAnswers,
        step: Step,
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
        self._refused: list[str] = []  # questions in a row that the service did not take
        self._lock = threading.Lock()

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
            self.step.advance(len(todo) - len(self._missing()))
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
        if self.service in self.kept.forms:
            return known[self.kept.forms[self.service]]
        shortest = sorted(self._missing(), key=lambda each: len(self.questions[each][0]["content"]))
        left, place = iter(shortest), 0  # of a short text the form is at fault, not the length
        question = next(left)
        while True:
            try:
                reply = chat.ask(self.questions[question], known[place])
            except RefusedError:
                if place + 1 == len(known):
                    raise
                place += 1
                continue
            if "logprobs" not in known[place] or reply.top:
                self.kept.keep_form(self.service, place)
                self._keep(question, reply)
                return known[place]
            place = next(number for number, form in enumerate(known) if "logprobs" not in form)
            if (
                named(reply.text, self.labels) is not None
            ):  # it is paid for, and as good as any without log-probabilities
                self._keep(question, reply)
                further = next(left, None)
                if further is None:
                    return known[place]
                question = further

    def _ask(self, chat: Chat, form: Form, question: str) -> None:
        try:
            reply = chat.ask(self.questions[question], form)
        except RefusedError as error:
            self._refuse(question, error)
        else:
            self._keep(question, reply)

    def _refuse(self, question: str, error: RefusedError) -> None:
        """Note a text that is too long, or filtered; it is kept as one without an answer once others are answered again."""
        with self._lock:
            self._refused.append(question)
            if len(self._refused) >= _TRIED:
                raise ModelError(f"{error} It refused {_TRIED} texts in a row. {self._counted()}")

    def _keep(self, question: str, reply: Reply) -> None:
        with self._lock:
            self._keep_refused()
            self.kept.keep(question, telling(reply, self.labels))
            self._useful = self._useful or self._tells(reply)

    def _keep_refused(self) -> None:
        for question in self._refused:
            self.kept.keep(question, Reply(""))
        self._refused.clear()

    def _ask_rest(self, ask: Callable[[str], None]) -> None:
        left, pending = iter(self._missing()), set[Future[None]]()
        with ThreadPoolExecutor(self.settings.concurrency) as pool:
            try:
                while True:
                    room = _AHEAD * self.settings.concurrency - len(pending)
                    pending |= {pool.submit(ask, question) for question in islice(left, room)}
                    if not pending:
                        self._keep_refused()
                        return
                    done, pending = wait(pending, return_when=FIRST_COMPLETED)
                    for future in done:
                        future.result()
                        self.step.advance()
                    self._refuse_nonsense()
            except BaseException:  # Ctrl-C too: nothing more is asked, and what is under way is kept
                self.stop.set()
                self.step.say(f"{KEY}: stops, and waits for the answers that are under way")
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
