"""Sliders: each value draws its picture, and a mistake costs neither picture nor notebook."""

import pytest

from sslcourse.teach import Picture, explore


def draw(temperature, kind):
    if kind == "broken":
        raise ValueError("no such <kind>")
    return Picture(f"{temperature} {kind}".encode(), f"Temperature {temperature:g}, {kind}.")


@pytest.fixture
def explorer():
    return explore(
        draw,
        temperature=[0.1, 0.5, 1.0],
        kind=["one", "two", "broken"],
        start={"temperature": 0.5},
    )


class Handle:
    def __init__(self):
        self.shown = []

    def update(self, picture):
        self.shown.append(picture.description)


def test_numbers_get_a_slider_and_words_get_buttons(explorer):
    names = {name: type(field).__name__ for name, field in explorer.fields.items()}
    assert names == {"temperature": "SelectionSlider", "kind": "ToggleButtons"}
    assert repr(explorer) == "Temperature 0.5, one."
    text = explorer.controls._repr_mimebundle_()["text/plain"]
    assert "temperature: 0.1, 0.5, 1; kind: one, two, broken" in text


def test_moving_a_control_replaces_the_picture(explorer):
    explorer.handle = Handle()
    explorer.fields["temperature"].value = 1.0
    explorer.fields["kind"].value = "two"
    assert explorer.handle.shown == ["Temperature 1, one.", "Temperature 1, two."]
    assert explorer.caption.value == "Temperature 1, two."
    assert explorer.set(temperature=0.1).description == "Temperature 0.1, two."


def test_each_picture_is_drawn_once():
    calls = []

    def counted(step):
        calls.append(step)
        return Picture(b"", f"Step {step}.")

    explorer = explore(counted, step=[0, 1, 2])
    for step in (1, 2, 1, 0):
        explorer.set(step=step)
    assert calls == [0, 1, 2]


def test_a_failing_picture_is_one_sentence(explorer):
    explorer.handle = Handle()
    explorer.fields["kind"].value = "broken"
    assert explorer.caption.value == "ValueError: no such &lt;kind&gt;"
    assert explorer.handle.shown == []
    explorer.fields["kind"].value = "two"
    assert explorer.handle.shown == ["Temperature 0.5, two."]


def test_what_can_not_be_explored():
    with pytest.raises(ValueError, match="at least one control"):
        explore(draw)
    with pytest.raises(ValueError, match="kind has no values"):
        explore(draw, kind=[])
    with pytest.raises(ValueError, match="kind can't start at 'three'"):
        explore(draw, kind=["one"], start={"kind": "three"})
    explorer = explore(draw, temperature=[1.0], kind=["one"])
    with pytest.raises(ValueError, match="no control 'size'"):
        explorer.set(size=3)
    with pytest.raises(ValueError, match="temperature must be one of"):
        explorer.set(temperature=3)
