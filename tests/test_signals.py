"""Ctrl-C and SIGTERM, each in a process of its own; also where SIGINT is ignored, as in one begun in the background."""

import os
import signal
import subprocess
import sys

import pytest

from alambique.signals import defer_signals

IGNORED = "import signal\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\n"
FINALISER = """
import os, signal, time, weakref
from alambique.signals import install_handlers
class Thing: pass
install_handlers()
thing = Thing()
watch = weakref.ref(thing, lambda _: os.kill(os.getpid(), signal.{name}))
try:
    del thing
    print('dropped', flush=True)
    time.sleep(30)
    print('lost', flush=True)
except KeyboardInterrupt:
    print('stopped', flush=True)
"""
TWICE = """
import os, signal
from alambique.signals import defer_signals
try:
    with defer_signals('asked'):
        os.kill(os.getpid(), signal.{first})
        print('still here', flush=True)
        os.kill(os.getpid(), signal.{second})
        print('never', flush=True)
except KeyboardInterrupt:
    print('stopped', flush=True)
"""
COMMAND = """
import os, sys
from alambique import cli
import alambique.recipe.files as module
def shipped():
    os.kill(os.getpid(), signal.SIGINT)
    print('goes on', flush=True)
    os.kill(os.getpid(), signal.SIGTERM)
module.shipped_recipes = shipped
sys.argv = ['alambique', 'recipes']
cli.main()
"""


def ran(script):
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False)
    return done.returncode, done.stdout, done.stderr


@pytest.mark.usefixtures("ctrl_c")
@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_an_interruption_in_a_finaliser_is_not_lost(name):
    assert ran(FINALISER.format(name=name)) == (0, "dropped\nstopped\n", "")


def test_a_sigterm_in_a_finaliser_is_not_lost_where_sigint_is_ignored():
    assert ran(IGNORED + FINALISER.format(name="SIGTERM")) == (0, "dropped\nstopped\n", "")


@pytest.mark.usefixtures("ctrl_c")
@pytest.mark.parametrize(("first", "second"), [("SIGINT", "SIGTERM"), ("SIGTERM", "SIGINT")])
def test_a_second_interruption_stops_at_once(first, second):
    assert ran(TWICE.format(first=first, second=second)) == (0, "still here\nstopped\n", "asked\n")


def test_where_sigint_is_ignored_only_sigterm_is_noted():
    script = TWICE.format(first="SIGINT", second="SIGTERM")
    assert ran(IGNORED + script) == (0, "still here\nnever\nstopped\n", "asked\n")


def test_a_command_in_the_background_goes_on_at_ctrl_c_and_ends_at_sigterm():
    assert ran(IGNORED + COMMAND) == (130, "goes on\n", "alambique: interrupted\n")


def test_deferring_leaves_an_ignored_signal_ignored():
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with defer_signals("asked") as request:
            os.kill(os.getpid(), signal.SIGINT)
            assert signal.getsignal(signal.SIGINT) == signal.SIG_IGN
            assert not request.made
        assert signal.getsignal(signal.SIGINT) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)
