import pytest
import torch
from transformers import BertConfig

from alambique.errors import ModelError
from alambique.models.from_pretrained import FromPretrained
from alambique.models.pretrained import find_pretrained
from alambique.models.student_form import BuildContext, Surroundings, form_key
from alambique.recipe.sections import Student
from conftest import LABELS


@pytest.fixture
def checkpoint(tiny_distilbert, tokenizer, tmp_path):
    """An encoder without a head, as pretrained ones are."""
    tiny_distilbert().distilbert.save_pretrained(tmp_path / "student")
    tokenizer.save_pretrained(tmp_path / "student")
    return tmp_path / "student"


def resolve(folder, max_length=24):
    surroundings = Surroundings(LABELS, max_length, teacher_config=BertConfig())
    return FromPretrained.resolve(Student(model=str(folder)), surroundings)


def no_teacher():
    pytest.fail("a student of its own does not need the teacher")


def test_it_starts_from_the_checkpoint_and_reads_with_its_own_tokenizer(checkpoint, tokenizer, tiny_distilbert):
    form = resolve(checkpoint)
    assert form.tokenizer.get_vocab() == tokenizer.get_vocab()
    model, own = form.build(BuildContext(no_teacher, None, LABELS, seed=3))
    assert own.get_vocab() == tokenizer.get_vocab()
    assert model.config.id2label == {0: "bad", 1: "fair", 2: "good"}
    encoder = tiny_distilbert().distilbert.state_dict()
    assert all(torch.equal(value, encoder[name]) for name, value in model.distilbert.state_dict().items())


def test_the_head_is_drawn_by_seed(checkpoint):
    form = resolve(checkpoint)
    first, again, other = (form.build(BuildContext(no_teacher, None, LABELS, seed))[0] for seed in (3, 3, 4))
    assert torch.equal(first.classifier.weight, again.classifier.weight)
    assert not torch.equal(first.classifier.weight, other.classifier.weight)


def test_the_key_is_the_checkpoints_digest(checkpoint):
    digest = find_pretrained(str(checkpoint), key="student.model").digest
    assert resolve(checkpoint).key(teacher="d", teacher_tokenizer="t") == form_key(checkpoint=digest)


def test_texts_longer_than_the_positions_are_refused(checkpoint):
    resolve(checkpoint, max_length=64)
    with pytest.raises(ModelError) as caught:
        resolve(checkpoint, max_length=65)
    assert str(caught.value) == "data.max_length is 65, but student.model (student) reads at most 64 tokens."


def test_a_checkpoint_without_a_tokenizer_is_refused_before_anything_is_trained(checkpoint):
    for path in checkpoint.glob("*token*"):
        path.unlink()
    with pytest.raises(ModelError) as caught:
        resolve(checkpoint)
    assert str(caught.value) == (
        f"student.model: {checkpoint} has no tokenizer; save it there with tokenizer.save_pretrained(FOLDER)."
    )


def test_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(ModelError) as caught:
        resolve(tmp_path / "nowhere")
    assert str(caught.value) == f"student.model: there is no folder {tmp_path / 'nowhere'}."
