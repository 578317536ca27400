"""A group of processes at the command, as torchrun starts them, each forked from one that has imported the libraries."""

import signal
import socket
import time

from processes import Slice

ENDS_WITHIN = 40.0  # seconds, on a busy machine; 20 of silence end a group at the latest


class GroupSlice:
    """Processes of one group; what each says goes to ``place``/RANK.

    Args:
        arguments: of the command.
        place: the working folder.
        processes: how many.
    """

    def __init__(self, arguments, place, *, processes=2):
        port = _free_port()
        self.members = []
        for rank in range(processes):
            environment = {
                "RANK": str(rank), "WORLD_SIZE": str(processes), "LOCAL_RANK": str(rank),
                "LOCAL_WORLD_SIZE": str(processes), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port),
            }  # fmt: skip
            self.members.append(Slice(arguments, place / str(rank), forked=True, environment=environment))

    @property
    def is_running(self):
        return any(member.status is None for member in self.members)

    @property
    def first(self):
        return self.members[0]

    def send(self, number, ranks=None):
        """Send a signal to some of the processes; to all by default."""
        for rank, member in enumerate(self.members):
            if ranks is None or rank in ranks:
                member.send(number)

    def wait(self, seconds=ENDS_WITHIN):
        """The exit statuses, all within so many seconds."""
        deadline = time.monotonic() + seconds
        try:
            return [member.wait(max(0.1, deadline - time.monotonic())) for member in self.members]
        finally:
            self.send(signal.SIGKILL)

    def messages(self):
        """What all of them said that is not a line of the log."""
        return [line for member in self.members for line in member.messages()]


def _free_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]
