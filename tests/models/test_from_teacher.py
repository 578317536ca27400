import copy

import pytest
import torch
from transformers import RobertaConfig, RobertaForSequenceClassification

from alambique.errors import ModelError
from alambique.models.from_teacher import FromTeacherLayers, choose_layers, student_from_teacher
from alambique.models.labels import label_config
from alambique.models.student_form import BuildContext, Surroundings, form_key
from alambique.recipe.made_models import FromTeacher
from alambique.recipe.sections import Student

LABELS = ("bad", "fair", "good")
IDS = torch.tensor([[2, 7, 8, 9, 3], [2, 11, 12, 3, 0]])
MASK = torch.tensor([[1, 1, 1, 1, 1], [1, 1, 1, 1, 0]])


@pytest.mark.parametrize(
    ("layers", "depth", "chosen"),
    [(6, 12, [0, 2, 4, 6, 8, 10]), (3, 6, [0, 2, 4]), (1, 4, [0]), (4, 4, [0, 1, 2, 3]), ((1, 3), 4, [1, 3])],
)
def test_layers_are_evenly_spaced_or_those_named(layers, depth, chosen):
    assert choose_layers(layers, depth) == chosen


@pytest.mark.parametrize(
    ("layers", "depth", "chosen"), [(6, 12, [0, 1, 2, 3, 4, 5]), (1, 4, [0]), (4, 4, [0, 1, 2, 3])]
)
def test_lower_layers_are_the_first_ones(layers, depth, chosen):
    assert choose_layers(layers, depth, lower=True) == chosen


@pytest.mark.parametrize("lower", [False, True])
@pytest.mark.parametrize("layers", [5, (0, 4)])
def test_layers_the_teacher_has_not(layers, lower):
    with pytest.raises(ModelError) as caught:
        choose_layers(layers, 4, lower=lower)
    assert str(caught.value) == (
        f"student.from_teacher.layers asks for {layers}, but the teacher has 4 layers, numbered 0 to 3."
    )


def test_distilbert_of_all_layers_computes_what_bert_does(tiny_bert):
    """Token type 0 folded into the positions makes the encoders equal for single texts."""
    teacher = tiny_bert(layers=3)
    student = student_from_teacher(teacher, FromTeacher(layers=3), LABELS, seed=0).eval()
    with torch.no_grad():
        expected = teacher.bert(input_ids=IDS, attention_mask=MASK).last_hidden_state
        found = student.distilbert(input_ids=IDS, attention_mask=MASK).last_hidden_state
    torch.testing.assert_close(found[MASK.bool()], expected[MASK.bool()], atol=1e-6, rtol=1e-5)


def test_distilbert_takes_the_layers_chosen(tiny_bert):
    teacher = tiny_bert(layers=4)
    student = student_from_teacher(teacher, FromTeacher(layers=[1, 3]), LABELS, seed=0)
    assert student.config.n_layers == 2
    for mine, layer in enumerate((1, 3)):
        assert torch.equal(
            student.distilbert.transformer.layer[mine].ffn.lin1.weight,
            teacher.bert.encoder.layer[layer].intermediate.dense.weight,
        )
        assert torch.equal(
            student.distilbert.transformer.layer[mine].sa_layer_norm.weight,
            teacher.bert.encoder.layer[layer].attention.output.LayerNorm.weight,
        )


@pytest.mark.parametrize(("choose", "taken"), [("evenly", (0, 2)), ("lower", (0, 1))])
@pytest.mark.parametrize("architecture", ["distilbert", "bert"])
def test_two_of_four_layers_have_the_teachers_weights_layer_by_layer(tiny_bert, architecture, choose, taken):
    teacher = tiny_bert(layers=4)
    form = FromTeacher(architecture=architecture, layers=2, choose=choose)
    student = student_from_teacher(teacher, form, LABELS, seed=0)
    layers = student.distilbert.transformer.layer if architecture == "distilbert" else student.bert.encoder.layer
    assert len(layers) == 2
    for layer, number in zip(layers, taken, strict=True):
        expected = sorted(weight.double().sum().item() for weight in teacher.bert.encoder.layer[number].parameters())
        assert sorted(weight.double().sum().item() for weight in layer.parameters()) == expected


def test_lower_layers_compute_what_the_teachers_first_layers_do(tiny_bert):
    teacher = tiny_bert(layers=4)
    student = student_from_teacher(teacher, FromTeacher(layers=3, choose="lower"), LABELS, seed=0).eval()
    with torch.no_grad():
        expected = teacher.bert(IDS, MASK, output_hidden_states=True).hidden_states[3]
        computed = student.distilbert(IDS, MASK).last_hidden_state
    torch.testing.assert_close(computed[MASK.bool()], expected[MASK.bool()], atol=1e-6, rtol=1e-5)


def test_the_choice_of_layers_enters_the_key_where_it_is_not_the_default():
    old = {"architecture": "distilbert", "layers": 2}
    assert FromTeacher(layers=2).key() == FromTeacher(layers=2, choose="evenly").key() == old
    assert FromTeacher(layers=2, choose="lower").key() == {**old, "choose": "lower"}
    assert FromTeacher(layers=[0, 3]).key() == {"architecture": "distilbert", "layers": [0, 3]}


def test_shallower_bert_of_all_layers_is_the_teacher(tiny_bert):
    teacher = tiny_bert(layers=2)
    form = FromTeacher(architecture="bert", layers=2)
    student = student_from_teacher(teacher, form, LABELS, seed=0).eval()
    with torch.no_grad():
        assert torch.equal(student(IDS, MASK).logits, teacher(IDS, MASK).logits)


def test_shallower_bert_takes_the_layers_chosen_and_the_head(tiny_bert):
    teacher = tiny_bert(layers=4)
    student = student_from_teacher(teacher, FromTeacher(architecture="bert", layers=[0, 3]), LABELS, seed=0)
    assert student.config.num_hidden_layers == 2
    assert student.config.id2label == {0: "bad", 1: "fair", 2: "good"}
    assert torch.equal(
        student.bert.encoder.layer[1].output.dense.weight, teacher.bert.encoder.layer[3].output.dense.weight
    )
    assert torch.equal(student.classifier.weight, teacher.classifier.weight)


def test_the_student_owns_its_weights(tiny_bert):
    teacher = tiny_bert(layers=2)
    for architecture in ("bert", "distilbert"):
        before = teacher.bert.embeddings.word_embeddings.weight.clone()
        student = student_from_teacher(teacher, FromTeacher(architecture=architecture, layers=1), LABELS, seed=0)
        with torch.no_grad():
            student.get_input_embeddings().weight.zero_()
        assert torch.equal(teacher.bert.embeddings.word_embeddings.weight, before)


def test_the_seed_decides_the_head_and_nothing_else(tiny_bert):
    teacher, form = tiny_bert(), FromTeacher(layers=1)
    first, again, other = (student_from_teacher(teacher, form, LABELS, seed=s).state_dict() for s in (0, 0, 1))
    assert all(torch.equal(first[name], again[name]) for name in first)
    differing = {name for name in first if not torch.equal(first[name], other[name])}
    assert differing == {"pre_classifier.weight", "classifier.weight"}


@pytest.fixture
def roberta(tokenizer):
    """A classifier that is not a BERT."""
    torch.manual_seed(5)
    config = RobertaConfig(
        vocab_size=len(tokenizer), hidden_size=16, num_hidden_layers=4, num_attention_heads=2, intermediate_size=32,
        max_position_embeddings=66, type_vocab_size=1, pad_token_id=0, **label_config(LABELS),
    )  # fmt: skip
    return RobertaForSequenceClassification(config).eval()


def test_the_same_architecture_with_fewer_layers(roberta):
    student = student_from_teacher(roberta, FromTeacher(architecture="same", layers=2), LABELS, seed=0)
    assert type(student) is RobertaForSequenceClassification
    assert student.config.num_hidden_layers == 2
    assert student.config.id2label == {0: "bad", 1: "fair", 2: "good"}
    for place, layer in enumerate((0, 2)):
        mine, theirs = student.roberta.encoder.layer[place], roberta.roberta.encoder.layer[layer]
        assert all(weight.equal(mine.state_dict()[name]) for name, weight in theirs.state_dict().items())
    assert student.classifier.out_proj.weight.equal(roberta.classifier.out_proj.weight)


def test_same_of_a_bert_is_a_shallower_bert(tiny_bert):
    same, bert = (
        student_from_teacher(tiny_bert(layers=3), FromTeacher(architecture=architecture, layers=2), LABELS, seed=0)
        for architecture in ("same", "bert")
    )
    assert type(same) is type(bert)
    assert all(weight.equal(bert.state_dict()[name]) for name, weight in same.state_dict().items())


def test_distilbert_of_a_distilbert_is_a_shallower_one(tiny_distilbert):
    teacher = tiny_distilbert(layers=3)
    student = student_from_teacher(teacher, FromTeacher(layers=3), LABELS, seed=0).eval()
    with torch.no_grad():
        assert torch.equal(student(IDS, MASK).logits, teacher(IDS, MASK).logits)


@pytest.mark.parametrize("architecture", ["distilbert", "bert"])
def test_another_architecture_is_made_from_bert_alone(roberta, architecture):
    with pytest.raises(ModelError) as caught:
        student_from_teacher(roberta, FromTeacher(architecture=architecture, layers=1), LABELS, seed=0)
    assert str(caught.value) == (
        f"student.from_teacher.architecture is {architecture}, which is made from a BERT teacher; this one is roberta. "
        "Set it to same for a shallower roberta."
    )


def test_what_cannot_be_made_is_refused_before_the_teacher_is_loaded(roberta):
    section = Student(from_teacher={"architecture": "same", "layers": 5})
    with pytest.raises(ModelError, match="asks for 5, but the teacher has 4 layers, numbered 0 to 3"):
        FromTeacherLayers.resolve(section, Surroundings(LABELS, 24, roberta.config))


def test_the_form_reads_with_the_teachers_tokenizer_and_leaves_its_config_alone(roberta, tokenizer):
    before = copy.deepcopy(roberta.config.to_dict())
    section = Student(from_teacher={"architecture": "same", "layers": [1, 3]})
    form = FromTeacherLayers.resolve(section, Surroundings(LABELS, 24, roberta.config))
    assert form.key(teacher="d", teacher_tokenizer="t") == form_key(
        from_teacher={"architecture": "same", "layers": [1, 3]}, teacher="d", tokenizer="t"
    )
    student, own = form.build(BuildContext(lambda: roberta, tokenizer, LABELS, seed=0))
    assert own.get_vocab() == tokenizer.get_vocab()
    assert student.config.num_hidden_layers == 2
    assert roberta.config.to_dict() == before
