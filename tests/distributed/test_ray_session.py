import os
import shutil
import socket
import sys
from contextlib import closing
from pathlib import Path
from types import ModuleType

import pytest
from filelock import FileLock

from alambique.distributed import ray_session as module
from alambique.distributed.ray_session import RaySession, check_ray, ray_session
from alambique.errors import ClusterError, UserInputError

SHORT = "/tmp"  # noqa: S108 - paths of sockets are short


@pytest.fixture
def installed(monkeypatch):
    monkeypatch.setattr(module, "find_spec", lambda name: name)
    monkeypatch.delenv("RAY_ADDRESS", raising=False)


def free_port():
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        return server.getsockname()[1]


@pytest.mark.parametrize("address", ["", "local", "auto", " "])
def test_addresses_that_need_no_answer_yet(installed, monkeypatch, address):
    monkeypatch.setenv("RAY_ADDRESS", address)
    check_ray("--engine ray")


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("nonsense", "RAY_ADDRESS=nonsense: an address is HOST:PORT, or auto."),
        ("head:70000", "RAY_ADDRESS=head:70000: an address is HOST:PORT, or auto."),
        ("ray://head:10001",
         "RAY_ADDRESS=ray://head:10001: Ray's client is not supported. Give the command on a machine of the cluster, with "
         "RAY_ADDRESS=auto."),
    ],
)  # fmt: skip
def test_addresses_that_are_none(installed, monkeypatch, address, message):
    monkeypatch.setenv("RAY_ADDRESS", address)
    with pytest.raises(UserInputError) as refused:
        check_ray("--engine ray")
    assert str(refused.value) == message


def test_an_address_where_nobody_answers(installed, monkeypatch):
    address = f"127.0.0.1:{free_port()}"
    monkeypatch.setenv("RAY_ADDRESS", address)
    with pytest.raises(UserInputError) as refused:
        check_ray("--engine ray")
    assert str(refused.value) == (
        f"RAY_ADDRESS={address}: no Ray cluster answers there (Connection refused). Start one with ray start --head, or "
        "unset RAY_ADDRESS to use this machine alone."
    )


def test_what_asks_for_ray_names_the_extra(monkeypatch):
    monkeypatch.setattr(module, "find_spec", lambda name: None)
    with pytest.raises(UserInputError) as refused:
        check_ray("compute.engine: ray")
    assert str(refused.value) == (
        "compute.engine: ray needs ray, which is not installed. To have it: pip install 'alambique[ray]'"
    )


class Ray(ModuleType):
    """What a session asks of the module, and how it was started."""

    def __init__(self, port, fails=None):
        super().__init__("ray")
        self.port, self.fails, self.seen, self.calls = port, fails, {}, []

    def is_initialized(self):
        return False

    def init(self, **options):
        self.seen = {name: value for name, value in os.environ.items() if name.startswith("RAY_")}
        self.calls.append(options)
        os.environ["RAY_AUTH_MODE"] = "token"
        print("Ray says this")  # noqa: T201
        os.write(2, b"and C++ this\n")
        if self.fails is not None:
            raise self.fails

    def shutdown(self):
        self.calls.append("shutdown")

    def get_runtime_context(self):
        return self

    def get_node_id(self):
        return "n"

    @property
    def gcs_address(self):
        return f"127.0.0.1:{self.port}"

    def nodes(self):
        return [
            {"NodeID": "other"},
            {"NodeID": "n", "NodeManagerAddress": "127.0.0.1", "NodeManagerPort": self.port},
        ]

    def cluster_resources(self):
        return {"CPU": 6.0, "GPU": 2.0}


@pytest.fixture
def listening():
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        yield server


@pytest.fixture
def ray(installed, monkeypatch, tmp_path, listening):
    made = Ray(listening.getsockname()[1])
    monkeypatch.setitem(sys.modules, "ray", made)
    place = Path(SHORT) / f"ray{os.getpid()}"
    place.mkdir()
    monkeypatch.setattr(module.tempfile, "gettempdir", lambda: str(place))
    yield made
    shutil.rmtree(place)


def test_a_local_ray_is_of_this_machine_alone_and_leaves_nothing(ray, capfd):
    environment = dict(os.environ)
    with ray_session(3, object_bytes=10) as session:
        (options,) = ray.calls
        place = Path(options["_temp_dir"])
        assert place.stat().st_mode & 0o777 == 0o700
        session.check()
        assert (session.places(gpu=True), session.places(gpu=False), session.has_gpus()) == (2, 6, True)
    assert (options["address"], options["num_cpus"], options["object_store_memory"]) == ("local", 3, 2**28)
    assert options["log_to_driver"] is options["include_dashboard"] is False
    assert len(ray.seen.pop("RAY_AUTH_TOKEN")) == 64
    assert ray.seen == {
        "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0", "RAY_USAGE_STATS_ENABLED": "0",
    }  # fmt: skip
    assert "shutdown" in ray.calls
    assert dict(os.environ) == environment
    assert list(place.parent.iterdir()) == []
    said = capfd.readouterr()
    assert said.out == ""
    assert "C++" not in said.err


def test_the_cluster_of_an_address(ray, monkeypatch):
    monkeypatch.setenv("RAY_ADDRESS", f"127.0.0.1:{ray.port}")
    with ray_session(3, object_bytes=10):
        pass
    assert ray.calls[0]["address"] == f"127.0.0.1:{ray.port}"
    assert "num_cpus" not in ray.calls[0]
    assert "_temp_dir" not in ray.calls[0]
    assert "RAY_AUTH_MODE" not in ray.seen


def test_a_cluster_that_cannot_be_joined(ray, monkeypatch):
    monkeypatch.setenv("RAY_ADDRESS", "auto")
    ray.fails = ConnectionError("Could not find any running Ray instance.\nmore")
    with pytest.raises(UserInputError) as refused, ray_session(1, object_bytes=1):
        pass
    assert str(refused.value) == (
        "RAY_ADDRESS=auto: the cluster cannot be joined (Could not find any running Ray instance.). Give the command on a "
        "machine of the cluster (ray start --address), with the same versions of Python and Ray, and with "
        "RAY_AUTH_MODE=token where the cluster asks for a token."
    )


def test_a_ray_that_does_not_start(ray):
    ray.fails = Exception("The current node timed out during startup.\nmore")
    with pytest.raises(ClusterError) as failed, ray_session(1, object_bytes=1):
        pass
    assert str(failed.value) == "Ray does not start on this machine: The current node timed out during startup."


def test_sigterm_while_ray_starts_is_an_interrupt(ray):
    ray.fails = SystemExit(15)
    with pytest.raises(KeyboardInterrupt), ray_session(1, object_bytes=1):
        pass
    assert ray.calls[-1] == "shutdown"


def test_folders_of_processes_that_were_killed_are_removed(ray):
    above = Path(module.tempfile.gettempdir())
    left, used, begun, old = (above / f"alambique-ray-{name}" for name in ("left", "used", "begun", "old"))
    for folder in (left, used, begun, old):
        (folder / "session").mkdir(parents=True)
    for folder in (left, used):
        (folder / "alambique.lock").touch()
    os.utime(old, (0, 0))
    (above / "alambique-ray-link").symlink_to(above)
    with FileLock(used / "alambique.lock"), ray_session(1, object_bytes=1):
        assert not left.exists()
        assert not old.exists()
        assert (used / "session").exists()
        assert (begun / "session").exists()
    assert {path.name for path in above.iterdir()} == {used.name, begun.name, "alambique-ray-link"}


def test_a_long_path_for_temporary_files_is_not_for_sockets(ray, monkeypatch, tmp_path):
    monkeypatch.setattr(module.tempfile, "gettempdir", lambda: str(tmp_path / ("x" * 60)))
    with ray_session(1, object_bytes=1):
        assert Path(ray.calls[0]["_temp_dir"]).parent == Path(SHORT)


def test_a_session_knows_when_ray_has_ended(ray, listening):
    local, joined = RaySession(ray, local=True), RaySession(ray, local=False)
    local.check()
    listening.close()
    with pytest.raises(ClusterError) as lost:
        local.check()
    assert str(lost.value) == (
        "Ray has ended on this machine. What is finished is kept: the same command goes on from there."
    )
    with pytest.raises(ClusterError, match=f"Ray has ended at 127.0.0.1:{ray.port}. What"):
        joined.check()
