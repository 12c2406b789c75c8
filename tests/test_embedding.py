"""Embeddings and neighbours: points lie where the features say, and rows begin with the query."""

import pytest
import torch
from pictures import keep_figures, size

from sslcourse.data import load
from sslcourse.teach.embedding import embeddings, neighbour_rows, to_plane


@pytest.fixture
def drawn(monkeypatch):
    """The figures that were finished."""
    return keep_figures(monkeypatch, "embedding")


def seeded(*shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0))


def test_pca_finds_the_plane_in_which_features_lie():
    plane = seeded(50, 2) * torch.tensor([3.0, 1.0])
    turn = torch.linalg.qr(seeded(6, 2)).Q  # two orthonormal directions of six
    points = to_plane(plane @ turn.T + 5.0)
    assert points.shape == (50, 2)
    distances = [(these[:, None] - these).norm(dim=2) for these in (points, plane)]  # (50, 50)
    assert torch.allclose(*distances, atol=1e-4)
    assert points[:, 0].var() > points[:, 1].var()


def test_t_sne_keeps_far_groups_apart_and_is_drawn_by_its_seed():
    features = seeded(40, 5)
    features[20:] += 50
    points = to_plane(features, "t-sne", seed=3)
    gap = (points[:20].mean(0) - points[20:].mean(0)).norm()
    assert gap > points[:20].std(0).norm() and gap > points[20:].std(0).norm()
    assert torch.equal(points, to_plane(features, "t-sne", seed=3))


@pytest.mark.parametrize(
    ("features", "way", "words"),
    [
        (seeded(9, 4), "umap", "unknown way 'umap'; choose one of pca, t-sne"),
        (seeded(2, 4), "pca", "at least 3 images"),
        (seeded(9, 1), "pca", "2 dimensions"),
        (seeded(9, 2, 2), "pca", "need features"),
    ],
)
def test_what_has_no_plane_is_one_sentence(features, way, words):
    with pytest.raises(ValueError, match=words):
        to_plane(features, way)


def test_every_representation_has_a_panel_and_all_share_a_legend(drawn):
    features = {name: seeded(30, 4) + place for place, name in enumerate("abcd")}
    labels = torch.arange(30) % 3
    picture = embeddings(features, labels, ("x", "y", "z"), "Four.", columns=3)
    assert repr(picture) == "Four." and size(picture) > (700, 500)
    panels = [axes for axes in drawn[0].axes if axes.axison]
    assert [axes.get_title() for axes in panels] == list("abcd")
    assert [len(points.get_offsets()) for points in panels[0].collections] == [10, 10, 10]
    expected = to_plane(features["b"])[labels == 2]
    assert torch.allclose(
        torch.tensor(panels[1].collections[2].get_offsets().data).float(), expected
    )
    assert [text.get_text() for text in drawn[0].legends[0].get_texts()] == ["x", "y", "z"]


def test_rows_of_neighbours_begin_with_the_query(drawn):
    scenes = load("scenes", limit=12)
    angles = torch.arange(12.0) * 0.1
    circle = torch.stack([angles.cos(), angles.sin()], dim=1)  # 5's neighbours are 4 and 6
    picture = neighbour_rows(scenes, {"circle": circle, "turned": circle.flip(0)}, 0, "N.", count=2)
    assert size(picture) > (200, 150)
    shown = [axes.images[0].get_array() for axes in drawn[0].axes]
    expected = [scenes.images[i].permute(1, 2, 0).numpy() for i in (0, 1, 2, 0, 1, 2)]
    assert all((a == b).all() for a, b in zip(shown, expected, strict=True))
    assert {text.get_text() for axes in drawn[0].axes for text in axes.texts} == {
        "circle",
        "turned",
    }
    with pytest.raises(ValueError, match="features of the 12 images and more images than neigh"):
        neighbour_rows(scenes, {"few": circle[:5]}, 0, "N.")
    with pytest.raises(ValueError, match="count 12"):
        neighbour_rows(scenes, {"circle": circle}, 0, "N.", count=12)
