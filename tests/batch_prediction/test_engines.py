import pytest

from alambique.batch_prediction import engines
from alambique.batch_prediction.engines import check_engine, in_this_process
from alambique.errors import UserInputError


def test_an_engine_without_its_package_names_the_extra(monkeypatch):
    check_engine("local")
    monkeypatch.setattr(engines, "find_spec", lambda name: None)
    with pytest.raises(UserInputError) as refused:
        check_engine("ray")
    assert str(refused.value) == (
        "--engine ray needs ray, which is not installed. To have it: pip install 'alambique[ray]'"
    )
    monkeypatch.setattr(engines, "find_spec", lambda name: name)
    with pytest.raises(UserInputError) as refused:
        check_engine("ray")
    assert str(refused.value) == "--engine ray: files are classified by --engine local alone in this version."
    with pytest.raises(UserInputError) as refused:
        check_engine("spark")
    assert str(refused.value) == "--engine: 'spark' is not an engine; it is local or ray."


def test_shards_that_are_kept_are_not_made():
    class Worker:
        def make(self, shard, advance):
            advance(1)
            return f"made {shard}"

    done = []
    kept = {"b": "kept b"}
    assert list(in_this_process(Worker(), "abc", kept.get, done.append)) == ["made a", "kept b", "made c"]
    assert done == [1, 1]
