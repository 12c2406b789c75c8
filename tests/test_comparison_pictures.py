"""The tables of the comparison, as text and as pictures: order, numbers, dashes."""

import json
from pathlib import Path

import pytest
from matplotlib.text import Text
from pictures import keep_figures, size
from PIL import Image

from sslcourse.comparison.rows import ROWS
from sslcourse.comparison.tables import cell_text, make_table, print_comparison, read_table
from sslcourse.results import FOLDER, Spread, measured
from sslcourse.teach.comparison import comparison_picture, label_efficiency, picture_of_files


def some_rows() -> dict[str, dict[str, float]]:
    """Two seeds, out of order and not all there."""
    return {
        "dino, seed 0": {"probe, 10,000 labels": 0.5, "k-NN": 0.4, "MiB": 1000.4},
        "simclr, seed 1": {"probe, 10,000 labels": 0.64, "probe, 1": 0.1, "tuned, 1": 0.2},
        "pixels, seed 0": {"probe, 10,000 labels": 0.13, "k-NN": 0.12},
        "supervised ResNet, seed 0": {"probe, 10,000 labels": 0.99, "tuned, all": 0.97},
        "simclr, seed 0": {"probe, 10,000 labels": 0.6, "tuned, 1": 0.3, "tuned, all": 0.9},
        "moco, seed 0": {"probe, 10,000 labels": 0.55, "tuned, 1": 0.28, "ms a step": 291.6},
    }


@pytest.fixture
def drawn(monkeypatch):
    """The figures that were finished."""
    return keep_figures(monkeypatch, "comparison")


def test_lines_stand_in_order_and_gather_their_seeds():
    table = make_table("equal time", "90 s", some_rows())
    assert table.title == "90 s, 2 seeds"
    assert [line.name for line in table.lines] == [
        "pixels",
        "supervised ResNet",
        "SimCLR",
        "MoCo",
        "DINO",
    ]
    assert [line.baseline for line in table.lines] == [True, True, False, False, False]
    simclr = table.lines[2].cells
    assert simclr["linear probe"] == pytest.approx((0.62, 0.6, 0.64)), "not the probe with 1 label"
    assert simclr["1 label"] == pytest.approx((0.25, 0.2, 0.3))
    assert "k-NN" not in simclr


@pytest.mark.parametrize("label", ["scenes", "photographs"])
def test_the_readme_shows_the_tables_of_today(label):
    """Bytes would depend on fonts. The sentence changes with the probes, the size with the rows."""
    path = f"sslcourse/teach/pictures/comparison-{label}.png"
    top = Path(__file__).parents[1]
    picture = picture_of_files(label, FOLDER)
    assert f"![{picture}]({path})" in (top / "README.md").read_text()
    assert Image.open(top / path).size == size(picture)


def test_the_readme_tells_how_far_second_trainings_differ():
    apart = []
    for label in ("scenes", "photographs"):
        for row in measured(f"equal-time-{label}").values():
            for column in row:
                if column.startswith("again, probe"):
                    apart.append(100 * abs(row[column] - row[column.removeprefix("again, ")]))
    text = " ".join((Path(__file__).parents[1] / "README.md").read_text().split())
    mean = sum(apart) / len(apart)
    assert (
        f"the linear probes of these {len(apart)} encoders are {mean:.1f} points away from the "
        f"first ones' in the mean, {max(apart):.1f} at most."
    ) in text


def test_cells_as_text():
    assert cell_text("k-NN", Spread(0.616, 0.59, 0.632)) == "62 (59–63)"
    assert cell_text("k-NN", Spread(0.43, 0.43, 0.43)) == "43", "one seed has no range"
    assert cell_text("k-NN", Spread(0.657, 0.6567, 0.6574)) == "66", "these agree to the per cent"
    assert cell_text("MiB", Spread(1234.4, 1000, 1400)) == "1,234"
    assert cell_text("images, M", Spread(1.75, 1.75, 1.75)) == "1.8"
    assert cell_text("k-NN", None) == "–"


def test_the_printed_table_is_aligned(capfd):
    print_comparison(make_table("equal time", "90 s", some_rows()))
    lines = capfd.readouterr().out.splitlines()
    rows = {line.strip().split("  ")[0]: line for line in lines[4:]}
    assert len({len(line) for line in rows.values() if "–" in line}) == 1
    assert rows["SimCLR"].split() == [
        "SimCLR",
        "62",
        "(60–64)",
        "–",
        "25",
        "(20–30)",
        "–",
        "–",
        "90",
        "–",
        "–",
    ]
    assert list(rows) == [
        "pixels",
        "convolutional network",
        "supervised ResNet",
        "SimCLR",
        "MoCo",
        "transformer",
        "DINO",
    ]


def texts(figure, row: str) -> list[tuple[str, str]]:
    """(text, weight) of all texts in the line of a name, from left to right."""
    found = [text for text in figure.findobj(Text) if text.get_text()]
    (name,) = (text for text in found if text.get_text() == row)
    line = [text for text in found if text.get_position()[1] == name.get_position()[1]]
    line = [text for text in line if text.axes is name.axes and text is not name]
    line.sort(key=lambda text: text.get_position()[0])
    return [(text.get_text(), text.get_weight()) for text in line]


def test_the_picture_shows_means_spreads_and_dashes_and_the_best_in_bold(drawn):
    tables = [
        make_table("equal time", "90 s", some_rows()),
        make_table(
            "checkpoints", "Long", {"mae-scenes, seed 0": {"k-NN": 0.8, "million images": 1.75}}
        ),
    ]
    picture = comparison_picture(tables)
    assert size(picture) > (1000, 400)
    assert "90 s, 2 seeds. Linear probe: pixels 13%, supervised ResNet 99%, SimCLR 62%" in repr(
        picture
    )
    (figure,) = drawn
    simclr = texts(figure, "SimCLR")
    assert [text for text, _ in simclr] == [
        "62",
        "60–64",
        "–",
        "25",
        "20–30",
        "–",
        "–",
        "90",
        "–",
        "–",
    ]
    assert [text for text, weight in simclr if weight == "bold"] == ["62", "90"]
    moco = texts(figure, "MoCo")
    assert [text for text, weight in moco if weight == "bold"] == ["28"], "of 1 label"
    assert ("292", "normal") in moco
    assert not any(weight == "bold" for _, weight in texts(figure, "supervised ResNet"))
    assert [text for text, _ in texts(figure, "MAE, scenes")][-1] == "1.8"
    assert all(text.get_fontsize() >= 9 for text in figure.findobj(Text) if text.get_text())


def test_files_become_a_picture(tmp_path):
    with pytest.raises(FileNotFoundError, match="no table of scenes in .* evaluate --all"):
        picture_of_files("scenes", tmp_path)
    content = {"seconds": 90, "device": "CPU, 2 threads", "rows": some_rows()}
    (tmp_path / "equal-time-scenes.json").write_text(json.dumps(content))
    title = "Equal time: 90 s of training on scenes, CPU, 2 threads, 2 seeds"
    assert read_table("equal time", "scenes", tmp_path).title == title
    assert read_table("checkpoints", "scenes", tmp_path) is None
    assert repr(picture_of_files("scenes", tmp_path)).startswith(title)


def test_label_efficiency_is_a_line_with_its_spread(monkeypatch):
    drawn = keep_figures(monkeypatch, "plots")
    rows = some_rows()
    label_efficiency(rows, "Labels.", all_labels=2_000, chance=0.1)
    axes = drawn[0].axes[0]
    chance, simclr = axes.lines
    assert simclr.get_xydata().tolist() == [[1, pytest.approx(25)], [2_000, pytest.approx(90)]]
    corners = {(round(x), round(y)) for x, y in axes.collections[0].get_paths()[0].vertices}
    assert {(1, 20), (1, 30), (2_000, 90)} <= corners
    assert set(chance.get_ydata()) == {10} and axes.get_xscale() == "log"
    with pytest.raises(ValueError, match="'DINO' was not fine-tuned; choose from SimCLR"):
        label_efficiency(rows, "Labels.", all_labels=2_000, names=["DINO"])


def test_every_row_has_a_place_in_a_family():
    table = make_table("equal time", "", {f"{row.name}, seed 0": {"k-NN": 0.5} for row in ROWS})
    families = [line.family for line in table.lines]
    assert families == ["", *["convolutional"] * 5, *["transformer"] * 7]
