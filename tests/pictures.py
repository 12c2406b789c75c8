"""For tests of figures: keep what was finished, and see that a PNG is not blank."""

import io

import pytest
from PIL import Image

from sslcourse.teach.figures import Picture, finish


def keep_figures(monkeypatch: pytest.MonkeyPatch, module: str) -> list:
    """The matplotlib figures that a module of `sslcourse.teach` finishes from now on."""
    figures = []

    def keep(figure, description):
        figures.append(figure)
        return finish(figure, description)

    monkeypatch.setattr(f"sslcourse.teach.{module}.finish", keep)
    return figures


def size(picture: Picture) -> tuple[int, int]:
    """Width and height in pixels of a picture that shows something."""
    image = Image.open(io.BytesIO(picture.png)).convert("RGB")
    assert len(image.getcolors(1_000_000)) > 50, "not blank"
    return image.size
