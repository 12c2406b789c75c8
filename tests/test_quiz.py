"""Quizzes: every option is explained, with widgets and without."""

import pytest

from sslcourse.teach import progress, quiz
from sslcourse.teach.forms import QuizForm

OPTIONS = {"one": "Yes: one & only.", "two": "Two would be <many>."}


@pytest.fixture(autouse=True)
def own_progress(tmp_path, monkeypatch):
    monkeypatch.setenv("SSLCOURSE_PROGRESS", str(tmp_path / "progress.json"))


def test_every_answer_is_explained():
    asked = quiz("02.q1", "How many?", OPTIONS, right="one")
    assert repr(asked.answer("two")) == "Not yet. Two would be <many>."
    assert repr(asked.answer("one")) == "Right. Yes: one & only."
    assert progress.recall("quizzes", "02.q1") == {"tries": 2, "right": True}
    asked.answer("two")
    assert progress.recall("quizzes", "02.q1") == {"tries": 2, "right": True}, "right stays right"


def test_the_form_replies_below_the_options():
    form = QuizForm(quiz("02.q1", "How many?", OPTIONS, right="one"))
    form.button.click()
    assert form.reply.value == "Choose an answer first."
    form.choice.value = "two"
    form.button.click()
    assert "Two would be &lt;many&gt;." in form.reply.value


def test_a_static_view_unfolds_every_explanation():
    asked = quiz("02.q1", "How many?", OPTIONS, right="one")
    markup = QuizForm(asked)._repr_mimebundle_()["text/html"]
    assert markup.count("<details>") == 2
    assert "Yes: one &amp; only." in markup and "Two would be &lt;many&gt;." in markup
    assert repr(asked) == "Quiz: How many?\n- one\n- two"


def test_a_quiz_that_explains_too_little():
    with pytest.raises(ValueError, match="right must be one of one, two"):
        quiz("02.q1", "How many?", OPTIONS, right="three")
    with pytest.raises(ValueError, match="'one' has no explanation"):
        quiz("02.q1", "How many?", {"one": " "}, right="one")
    with pytest.raises(ValueError, match="choose one of one, two"):
        quiz("02.q1", "How many?", OPTIONS, right="one").answer("three")
