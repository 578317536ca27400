import socket

import pytest

from alambique.distributed.messages import BEAT, Channel


@pytest.fixture
def ends():
    sockets = socket.socketpair()
    yield sockets
    for each in sockets:
        each.close()


def test_messages_arrive_whole_though_they_come_in_pieces(ends):
    ours, theirs = ends[0], Channel(ends[1])
    ours.sendall(b'{"kind": "beat"}\n{"kind": "fa')
    assert theirs.receive() == [{"kind": "beat"}]
    ours.sendall(b'iled", "error": "\\u00e9\\n"}\n')
    assert theirs.receive() == [{"kind": "failed", "error": "é\n"}]
    assert not theirs.is_closed


@pytest.mark.parametrize("sent", [b"GET / HTTP/1.1\n", b"[1]\n", b"\xff\n"])
def test_what_is_not_a_message_closes_the_channel(ends, sent):
    theirs = Channel(ends[1])
    ends[0].sendall(sent)
    assert theirs.receive() == []
    assert theirs.is_closed


def test_an_endless_line_closes_the_channel(ends, monkeypatch):
    monkeypatch.setattr("alambique.distributed.messages._LONGEST", 1000)
    theirs = Channel(ends[1])
    ends[0].sendall(b"x" * 2000)
    assert theirs.receive() == []
    assert theirs.is_closed


def test_to_somebody_who_is_gone_nothing_is_sent(ends):
    ours = Channel(ends[0])
    ends[1].close()
    ours.send(BEAT)
    ours.send(BEAT)
    assert ours.receive() == []
    assert ours.is_closed
    ours.close()
