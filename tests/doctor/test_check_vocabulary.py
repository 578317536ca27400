from transformers import BertForSequenceClassification

from alambique.doctor.check_vocabulary import check
from alambique.findings import Finding


def with_embeddings(model, count):
    config = type(model.config).from_dict({**model.config.to_dict(), "vocab_size": count})
    return type(model)(config).eval()


def test_the_highest_token_needs_an_embedding(tiny_bert):
    model = with_embeddings(tiny_bert(), 100)
    assert isinstance(model, BertForSequenceClassification)
    assert check(model, [{"input_ids": [2, 99, 3]}, {"input_ids": []}], "teacher") == []
    assert check(model, [{"input_ids": [2, 100, 3]}], "teacher") == [
        Finding(
            "vocabulary-mismatch", "teacher",
            "The collator's tokenizer gives token 100; the teacher has embeddings for 100 tokens.",
            "Encode with the model's own tokenizer.",
        )
    ]  # fmt: skip


def test_no_forward_pass_of_a_model_that_lacks_embeddings(healthy):
    case = healthy()
    case.teacher = with_embeddings(case.teacher, 6)
    case.student = with_embeddings(case.student, 6)
    case.soft_labels = None
    assert [(f.code, f.where) for f in case.findings()] == [
        ("vocabulary-mismatch", "teacher"),
        ("vocabulary-mismatch", "student"),
    ]
