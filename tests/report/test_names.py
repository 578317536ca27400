"""Display names."""

import pytest

from alambique.report.names import metric_title, model_role, model_title


@pytest.mark.parametrize(
    ("name", "title", "role"),
    [
        ("teacher", "Teacher", "teacher"),
        ("student", "Student (distilled)", "student"),
        ("undistilled", "Student without distillation", "undistilled"),
        ("tfidf", "TF-IDF + logistic regression", "tfidf"),
        ("majority", "Majority class", "majority"),
        ("teachers/fold-0", "Teacher fold-0", "teacher"),
        ("teachers/roberta/seed-1", "Teacher roberta/seed-1", "teacher"),
        ("something else", "something else", "something else"),
    ],
)
def test_a_model_has_a_title_and_a_role(name, title, role):
    assert (model_title(name), model_role(name)) == (title, role)


def test_a_metric_without_a_title_is_shown_as_it_is():
    assert (metric_title("macro_f1"), metric_title("other_f1")) == ("macro-F1", "other_f1")
