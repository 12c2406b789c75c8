"""Predict, then run: a guess is kept, laid over the result, and never needed to go on."""

import pytest

from sslcourse.teach import predict, progress
from sslcourse.teach.forms import PredictionForm
from sslcourse.teach.predict import Prediction


@pytest.fixture(autouse=True)
def own_progress(tmp_path, monkeypatch):
    monkeypatch.setenv("SSLCOURSE_PROGRESS", str(tmp_path / "progress.json"))


def numbers(key="01.1"):
    return predict(key, "How well?", numbers=("pixels", "SimCLR"))


def test_a_guess_is_laid_over_the_result_and_kept():
    guess = numbers().lock(20, 60)
    assert guess.marks == {"pixels": 0.2, "SimCLR": 0.6}
    picture = guess.reveal({"pixels": 0.18, "untrained": 0.3, "SimCLR": 0.7}, "Three bars.")
    assert repr(picture) == "Three bars."
    noted = progress.recall("predictions", "01.1")
    assert noted["guess"] == [20, 60]
    assert noted["measured"] == pytest.approx([18, 70])


def test_the_result_shows_when_nobody_guessed():
    guess = numbers()
    with_guess = numbers("01.2").lock(20, 60)
    shown = [
        g.reveal({"pixels": 0.2, "SimCLR": 0.7}, "Bars.", chance=0.1) for g in (guess, with_guess)
    ]
    assert repr(shown[0]) == repr(shown[1]), "the stored sentence knows nothing of the learner"
    assert shown[0].png != shown[1].png, "but the picture does"
    assert progress.recall("predictions", "01.1") is None


def test_a_choice_is_answered_in_words():
    guess = predict("01.2", "Which?", choices=("shape", "colour")).lock("colour")
    told = guess.reveal("shape")
    assert repr(told) == "Measured: shape."
    assert "You said <b>colour</b>" in told._repr_html_()
    assert repr(predict("01.3", "Which?", choices=("shape", "colour")).reveal("shape")) == repr(
        told
    )


def test_an_earlier_guess_comes_back_unless_the_question_changed():
    numbers().lock(20, 60)
    assert numbers().values == {"pixels": 20, "SimCLR": 60}
    assert not predict("01.1", "Other?", numbers=("pixels",)).locked
    assert not predict("01.1", "Other?", choices=("a", "b")).locked


def test_a_guess_is_locked_until_the_learner_starts_anew():
    guess = numbers().lock(20, 60)
    with pytest.raises(ValueError, match="you locked in pixels 20 %, SimCLR 60 %; again"):
        guess.lock(30, 60)
    assert guess.again().lock(30, 60).values["pixels"] == 30
    late = numbers("01.9")
    late.reveal({"pixels": 0.2, "SimCLR": 0.7}, "Bars.")
    with pytest.raises(ValueError, match="the result is out"):
        late.lock(20, 70)


@pytest.mark.parametrize(
    ("guess", "problem"),
    [
        ((20,), "give 2 numbers"),
        ((20, 101), "between 0 and 100"),
        ((20, float("nan")), "between 0 and 100"),
    ],
)
def test_a_guess_that_does_not_fit(guess, problem):
    with pytest.raises(ValueError, match=problem):
        numbers().lock(*guess)


def test_a_question_needs_numbers_or_choices():
    with pytest.raises(ValueError, match="either numbers"):
        predict("01.1", "What?")
    with pytest.raises(ValueError, match="choose one of a, b"):
        predict("01.1", "What?", choices=("a", "b")).lock("c")


def test_other_units_are_not_shares():
    guess = predict("02.1", "Loss?", numbers=("loss",), high=10, unit="nats").lock(5.5)
    assert guess.marks == {"loss": 5.5}
    guess.reveal({"loss": 5.54}, "One bar.")
    assert progress.recall("predictions", "02.1")["measured"] == [5.54]


def test_the_form_locks_and_closes():
    guess = Prediction("01.1", "How well?", ("pixels", "SimCLR"), (), 0, 100, "%")
    form = guess.form = PredictionForm(guess)
    form.fields[0].value, form.fields[1].value = 20, 60
    form.button.click()
    assert guess.values == {"pixels": 20, "SimCLR": 60}
    assert all(field.disabled for field in form.fields) and form.button.disabled
    assert "Locked in" in form.state.value
    guess.again()
    assert not form.button.disabled and form.state.value == ""
    guess.reveal({"pixels": 0.2, "SimCLR": 0.7}, "Bars.")
    assert form.button.disabled and "The result is out" in form.state.value


def test_the_form_asks_for_a_choice():
    guess = Prediction("01.1", "Which?", (), ("a", "b"), 0, 100, "%")
    form = guess.form = PredictionForm(guess)
    form.button.click()
    assert "choose an answer first" in form.state.value and not guess.locked
    form.fields[0].value = "b"
    form.button.click()
    assert guess.choice == "b"


def test_static_views_get_a_sentence():
    guess = Prediction("01.1", "How well?", ("pixels", "SimCLR"), (), 0, 100, "%")
    text = PredictionForm(guess)._repr_mimebundle_()["text/plain"]
    assert "call lock(…, …) on the variable above" in text  # whose name isn't known here
