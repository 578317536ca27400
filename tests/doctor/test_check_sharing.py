from alambique.findings import Finding


def test_a_student_with_a_tensor_of_the_teacher(healthy):
    case = healthy()
    case.student.distilbert.embeddings.word_embeddings = case.teacher.bert.embeddings.word_embeddings
    assert case.findings() == [
        Finding(
            "teacher-not-frozen", "teacher",
            "The student shares 1 tensors with the teacher, such as distilbert.embeddings.word_embeddings.weight: training "
            "moves both.",
            "Give the student copies (copy.deepcopy, or load_state_dict), not the teacher's own modules.",
        )
    ]  # fmt: skip


def test_a_shared_tensor_that_is_not_trained(healthy):
    case = healthy()
    case.student.distilbert.embeddings.word_embeddings = case.teacher.bert.embeddings.word_embeddings
    case.teacher.bert.embeddings.word_embeddings.weight.requires_grad_(False)  # noqa: FBT003 - torch's
    assert "teacher-not-frozen" not in case.codes()
