"""The first process and another, both in this one, on a clock that runs fast."""

import os
import socket
import threading
import time

import pytest

from alambique.distributed import lifeline
from alambique.distributed.lifeline import Hub, Line
from alambique.errors import UserInputError

HERE = f"process id {os.getpid()} on {socket.gethostname()}"
KEPT = "What is done is kept: the same command goes on from there."


class Ends:
    """Notes with what a process would have ended."""

    def __init__(self):
        self.all, self.one = [], threading.Event()

    def __call__(self, status, message):
        self.all.append((status, message))
        self.one.set()

    def wait(self):
        assert self.one.wait(10)
        return self.all


@pytest.fixture(autouse=True)
def _fast(monkeypatch):
    for name, seconds in {"EVERY": 0.02, "SILENT": 0.5, "GRACE": 0.2, "LINGER": 0.0}.items():
        monkeypatch.setattr(lifeline, name, seconds)
    monkeypatch.setattr(lifeline, "ignore_signals", lambda: None)


@pytest.fixture
def pair():
    """The hub of two processes and the line of the other one, with their ends."""
    first, other = Ends(), Ends()
    hub = Hub(2, one_machine=True, end=first)
    line = Line(("127.0.0.1", hub.port), hub.token, 1, speaks=True, end=other)
    hub.wait_for_all(5)
    yield hub, first, line, other
    hub.finish(0)
    hub.close()
    line.close()


def test_nothing_ends_while_both_are_well(pair):
    hub, first, line, other = pair
    time.sleep(1.0)  # twice the silence that ends all
    assert first.all == other.all == []
    hub.finish(0)
    line.close()
    hub.close()
    assert first.all == other.all == []


def test_a_process_that_ends_without_a_word_ends_all(pair):
    _, first, line, other = pair
    line._channel.connection.shutdown(socket.SHUT_RDWR)
    assert first.wait() == [(1, f"Process 1 of 2 ({HERE}) has ended, killed perhaps, so all end. {KEPT}")]
    assert other.wait()[0][0] == 1


def test_a_process_that_is_silent_counts_as_lost(pair, monkeypatch):
    _, first, line, _ = pair
    monkeypatch.setattr(line._channel, "send", lambda *_, **__: None)
    assert first.wait() == [(1, f"Process 1 of 2 ({HERE}) has not been heard of for 0 s, so all end. {KEPT}")]


def test_the_end_of_the_first_process_ends_the_others(pair):
    hub, _, _, other = pair
    hub._ended.set()
    hub._thread.join()
    hub.close()
    said = f"The first process has ended, killed perhaps, or its machine is lost, so all end. {KEPT}"
    assert other.wait() == [(1, said)]


def test_what_the_first_process_has_said_the_others_do_not_repeat(pair):
    hub, first, _, other = pair
    hub.finish(2)
    hub.close()
    assert other.wait() == [(2, "")]
    assert first.all == []


def test_an_error_is_said_by_the_first_process_unless_it_has_it_too(pair):
    _, first, line, other = pair
    threading.Thread(target=line.fail, args=("data.max_length is too long.", 2), daemon=True).start()
    assert first.wait() == [(2, f"Process 1 of 2 ({HERE}): data.max_length is too long.")]
    assert other.all == []  # it waits for the first process to be gone


def test_the_first_process_has_time_to_fail_by_itself(pair):
    hub, first, line, other = pair
    threading.Thread(target=line.fail, args=("The loss is nan.", 1), daemon=True).start()
    time.sleep(0.1)
    hub.finish(1)
    time.sleep(0.4)
    hub.close()
    assert other.wait()[0] == (1, "")
    assert first.all == []


def test_an_interruption_of_one_is_one_of_all(pair):
    _, first, line, _ = pair
    threading.Thread(target=line.leave, daemon=True).start()
    assert first.wait() == [(130, f"interrupted: Process 1 of 2 ({HERE}) was told to stop. {KEPT}")]


def test_processes_that_do_not_come_are_named():
    hub = Hub(4, one_machine=True, end=Ends())
    line = Line(("127.0.0.1", hub.port), hub.token, 2, speaks=False, end=Ends())
    with pytest.raises(UserInputError) as caught:
        hub.wait_for_all(0.3)
    assert str(caught.value) == (
        "4 processes were announced (WORLD_SIZE), and of rank 1, 3 none has come within 0 s. Start all of them, on every "
        "machine, with the same command."
    )
    hub.close()
    line.close()


def test_a_stranger_is_not_taken_for_a_process_of_the_group():
    hub = Hub(2, one_machine=True, end=Ends())
    stranger = Line(("127.0.0.1", hub.port), "guessed", 1, speaks=False, end=Ends())
    with pytest.raises(UserInputError, match="of rank 1 none has come"):
        hub.wait_for_all(0.5)
    stranger.close()


def test_a_pause_of_the_process_itself_is_no_silence_of_others(pair, monkeypatch):
    """Ctrl-Z stops all; continued, each finds that time has passed."""
    _, first, _, other = pair
    real, jump = time.monotonic, [0.0]
    monkeypatch.setattr(lifeline.time, "monotonic", lambda: real() + jump[0])
    jump[0] = 3600.0
    time.sleep(0.3)
    assert first.all == other.all == []
