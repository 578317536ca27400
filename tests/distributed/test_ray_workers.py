"""Workers of a Ray that is made of plain objects: calls are done one by one, in the order in which they were made."""

from types import SimpleNamespace

import pytest

import alambique
from alambique.distributed.ray_workers import RayWorkers
from alambique.errors import ClusterError, DataError, UserInputError


class RayError(Exception):
    pass


class RayTaskError(RayError):
    def __init__(self, cause):
        super().__init__(str(cause))
        self.cause, self.ip = cause, "10.0.0.7"


class Ray:
    """Runs a call when it is waited for. ``dies`` has the numbers of calls before which their worker dies."""

    exceptions = SimpleNamespace(RayError=RayError, RayTaskError=RayTaskError)

    def __init__(self, dies=()):
        self.dies, self.calls, self.done, self.killed, self.options = set(dies), {}, 0, [], None

    def put(self, value):
        return value

    def remote(self, **options):
        self.options = options
        return lambda kind: SimpleNamespace(remote=lambda model: Handle(self, kind(model)))

    def wait(self, references, *, num_returns, timeout):
        return references[:1], references[1:]

    def get(self, reference):
        handle, name, arguments = self.calls.pop(reference)
        if self.done in self.dies or handle.dead:
            self.done += 1
            handle.dead = True
            raise RayError("The actor died: killed for want of memory (OOM)")
        self.done += 1
        try:
            return getattr(handle.actor, name)(*arguments)
        except Exception as error:
            raise RayTaskError(error) from error

    def kill(self, handle):
        handle.dead = True
        self.killed.append(handle)


class Handle:
    def __init__(self, ray, actor):
        self.ray, self.actor, self.dead = ray, actor, False

    def __getattr__(self, name):
        def remote(*arguments):
            reference = object()
            self.ray.calls[reference] = (self, name, arguments)
            return reference

        return SimpleNamespace(remote=remote)


class Session:
    def __init__(self, ray, *, local=True, gpus=0):
        self.ray, self.local, self.gpus, self.checks = ray, local, gpus, 0

    def check(self):
        self.checks += 1

    def has_gpus(self):
        return bool(self.gpus)

    def places(self, *, gpu):
        return self.gpus if gpu and self.gpus else 3


class Doubling:
    def __init__(self):
        self.given = []

    def load(self):
        return "digest"

    def run(self, task, advance):
        self.given.append(task)
        if isinstance(task, Exception):
            raise task
        advance(1)
        return 2 * task


def workers(ray, model=None, *, session=None, digest="digest", count=2, gpu=False):
    rows = []
    made = RayWorkers(
        session or Session(ray), model or Doubling(), digest=digest, gpu=gpu, count=count, advance=rows.append,
        say=rows.append,
    )  # fmt: skip
    return made, rows


def tasks(count):
    return [(number, 10) for number in range(count)]


def test_each_task_is_done_once():
    ray, model = Ray(), Doubling()
    made, rows = workers(ray, model)
    with made:
        found = dict(made.results(tasks(7)))
    assert found == {number: 2 * number for number in range(7)}
    assert sorted(model.given) == list(range(7))
    assert rows == [10] * 7
    assert len(ray.killed) == 2
    assert ray.options == {"num_cpus": 1, "num_gpus": 0, "max_restarts": 0, "concurrency_groups": {"progress": 1}}


def test_no_tasks_need_no_result():
    made, _ = workers(Ray())
    with made:
        assert list(made.results([])) == []


def test_as_many_workers_as_there_is_room_for():
    ray = Ray()
    made, _ = workers(ray, count=None)
    with made:
        list(made.results(tasks(2)))
    assert len(ray.killed) == 3
    ray = Ray()
    made, _ = workers(ray, session=Session(ray, gpus=4), count=None, gpu=True)
    with made:
        list(made.results(tasks(2)))
    assert len(ray.killed) == 4
    assert ray.options["num_gpus"] == 1


@pytest.mark.parametrize("dies", [{0}, {2}, {3}, {2, 6}, {4, 5, 9}])
def test_tasks_of_a_worker_that_died_are_done_by_others(dies):
    ray, model = Ray(dies), Doubling()
    made, rows = workers(ray, model)
    with made:
        found = list(made.results(tasks(7)))
    assert sorted(found) == [(number, 2 * number) for number in range(7)]
    assert sum(rows) == 70
    assert made.session.checks == len(dies)


@pytest.mark.parametrize("dies", [{1, 3, 5, 7}, range(1, 100)])
def test_a_task_that_ends_its_worker_each_time_is_given_up(dies):
    ray = Ray(dies)
    made, _ = workers(ray, count=1)
    with pytest.raises(ClusterError) as given_up, made:
        list(made.results(tasks(1)))
    assert str(given_up.value) == (
        "Ray's workers die again and again (The actor died: killed for want of memory (OOM)). Use fewer workers, or smaller "
        "shards. What is finished is kept: the same command goes on from there."
    )


def test_a_call_that_fails_because_the_cluster_is_lost():
    ray = Ray()
    made, _ = workers(ray)

    def lost():
        raise ClusterError("Ray has ended")

    def broken(*_, **__):
        made.session.check = lost
        raise OSError("broken pipe")

    ray.wait = broken
    with pytest.raises(ClusterError, match="Ray has ended"), made:
        list(made.results(tasks(1)))


def test_what_a_worker_raises_is_raised_here():
    made, _ = workers(Ray())
    with pytest.raises(DataError, match="odd"), made:
        list(made.results([(1, 1), (DataError("odd"), 1)]))


def test_an_error_of_the_tasks_waits_for_those_before_it():
    def torn():
        yield from tasks(3)
        raise DataError("row 31")

    made, _ = workers(Ray())
    found = []
    with pytest.raises(DataError, match="row 31"), made:
        found.extend(made.results(torn()))
    assert sorted(found) == [(0, 0), (1, 2), (2, 4)]


def test_a_machine_without_the_model_is_named():
    class Nowhere(Doubling):
        def load(self):
            raise UserInputError("runs/mine is not a run folder.")

    ray = Ray()
    for local, message in (
        (True, "runs/mine is not a run folder."),
        (False, "A machine of the cluster (10.0.0.7) cannot load the model: runs/mine is not a run folder."),
    ):
        made, _ = workers(ray, Nowhere(), session=Session(ray, local=local))
        with pytest.raises(UserInputError) as refused, made:
            list(made.results(tasks(1)))
        assert str(refused.value) == message


def test_machines_have_the_same_model_and_version(monkeypatch):
    made, _ = workers(Ray(), digest="another")
    with pytest.raises(UserInputError) as refused, made:
        list(made.results(tasks(1)))
    assert str(refused.value) == (
        "A machine of the cluster has another model at the same path. All machines need the same run folder, as on a shared "
        "disk."
    )
    made, _ = workers(Ray())
    made._check_model((alambique.__version__, "digest"))
    with pytest.raises(UserInputError, match=r"^A machine of the cluster has version 9 of Alambique, this one \d"):
        made._check_model(("9", "digest"))


def test_how_far_a_task_is_counts_until_its_worker_dies():
    made, rows = workers(Ray(), count=1)
    made._grow()
    (worker,) = made._workers
    made._tasks[0] = SimpleNamespace(content=1, rows=10, attempts=0, shown=0)
    made._give(worker, 0)
    made._show(0, 4)
    made._show(0, 4)
    made._show(0, 6)
    made._show(9, 1)
    assert rows == [4, 2]
    made._bury(worker, RayError())
    assert rows == [4, 2, -6]
