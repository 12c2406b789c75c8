"""Checkpoints that the course brings along: written, read, refused; and those that are there."""

import json
import os
from pathlib import Path

import pytest
import torch

from sslcourse.__main__ import main
from sslcourse.budgets import budget
from sslcourse.build import build
from sslcourse.data import load
from sslcourse.evaluate import (
    attention_maps,
    extract_features,
    knn_accuracy,
    object_scores,
    score_maps,
)
from sslcourse.make_checkpoints import RECIPES, SHARES, Recipe, make
from sslcourse.methods import BEiT
from sslcourse.networks import ImageTokenizer
from sslcourse.pretrained import (
    FOLDER,
    card,
    checkpoint,
    checkpoint_names,
    find_tokenizer,
    save_pretrained,
    tokenizer_for,
)
from sslcourse.scores import kept_encoder, pretext_scores

SCENES = load("scenes", limit=64)


def about(method, **more):
    chosen = budget(method, "laptop")
    shared = {"network": chosen.network, "encoder": chosen.encoder, "arguments": chosen.method}
    return {"method": method, "image_size": 32, "tokenizer": None, **shared, **more}


@pytest.fixture
def folder(tmp_path):
    """A tokenizer, a MAE, a BEiT and a SimCLR, as the course would bring them along."""
    tokenizer = build("tokenizer", budget("tokenizer"), 1)
    save_pretrained("tokenizer-scenes", tokenizer, about("tokenizer"), tmp_path)
    save_pretrained("mae-scenes", build("mae", budget("mae"), 1), about("mae"), tmp_path)
    beit = build("beit", budget("beit"), 1, tokenizer=tokenizer.encoder)
    save_pretrained("beit-scenes", beit, about("beit", tokenizer="tokenizer-scenes"), tmp_path)
    for method in ("simclr", "moco", "swav", "dino"):
        made = build(method, budget(method), 1)
        save_pretrained(f"{method}-scenes", made, about(method), tmp_path)
    return tmp_path


@pytest.mark.parametrize("method", ["mae", "beit", "simclr", "swav", "dino"])
def test_what_was_written_is_read_again(folder, method):
    loaded = checkpoint(f"{method}-scenes", folder)
    tokenizer = build("tokenizer", budget("tokenizer"), 1).encoder
    expected = build(method, budget(method), 1, tokenizer=tokenizer if method == "beit" else None)
    assert not loaded.training
    for name, value in expected.state_dict().items():
        assert torch.allclose(loaded.state_dict()[name], value, atol=2e-3), name
    views = loaded.make_views(SCENES.images, torch.Generator().manual_seed(0))
    assert loaded.loss(views)[0].isfinite()


def test_a_tokenizer_comes_as_itself_and_within_beit(folder):
    tokenizer = checkpoint("tokenizer-scenes", folder)
    assert isinstance(tokenizer, ImageTokenizer)
    beit = checkpoint("beit-scenes", folder)
    assert isinstance(beit, BEiT)
    for name, value in tokenizer.state_dict().items():
        assert torch.equal(beit.tokenizer.state_dict()[name], value), name
    weights = (folder / "beit-scenes.safetensors").read_bytes()
    assert b"tokenizer." not in weights, "its weights lie in its own file only"


def test_of_dino_the_teacher_is_kept_and_the_student_goes_on_from_it(tmp_path):
    method = build("dino", budget("dino"), 1)
    with torch.no_grad():
        method.encoder.class_token.add_(5.0)  # a student that is ahead
    method.center = torch.full_like(method.center, 0.25)
    save_pretrained("dino-scenes", method, about("dino"), tmp_path)
    size = (tmp_path / "dino-scenes.safetensors").stat().st_size
    kept = [method.teacher_encoder, method.teacher_head]
    weights = sum(p.numel() for part in kept for p in part.parameters())
    assert size < 2.2 * weights, "half precision, and one of the two networks"
    loaded = checkpoint("dino-scenes", tmp_path)
    assert (loaded.center == 0.25).all()
    for part in (loaded.encoder, loaded.teacher_encoder):
        assert torch.allclose(part.class_token, method.teacher_encoder.class_token, atol=2e-3)
    for name, value in loaded.head.state_dict().items():
        assert torch.equal(value, loaded.teacher_head.state_dict()[name]), name


def test_of_moco_the_encoder_is_kept_and_the_copy_starts_from_it(tmp_path):
    method = build("moco", budget("moco"), 1)
    with torch.no_grad():
        method.key_encoder.stem[0].weight.add_(5.0)  # a copy that is far away
    save_pretrained("moco-scenes", method, about("moco"), tmp_path)
    size = (tmp_path / "moco-scenes.safetensors").stat().st_size
    weights = sum(p.numel() for part in (method.encoder, method.head) for p in part.parameters())
    assert size < 2.5 * weights, "half precision, without the copy and the queue"
    loaded = checkpoint("moco-scenes", tmp_path)
    for copy, source in (("key_encoder", "encoder"), ("key_head", "head")):
        expected = getattr(method, source).state_dict()
        for part in (copy, source):
            for name, value in getattr(loaded, part).state_dict().items():
                assert torch.allclose(value, expected[name], atol=2e-3), name
    assert (loaded.born == -1).all(), "the queue is refilled"
    views = loaded.make_views(SCENES.images[:32], torch.Generator().manual_seed(0))
    assert loaded.loss(views)[0].isfinite()


def test_what_cannot_be_read_is_one_sentence(folder):
    with pytest.raises(FileNotFoundError, match="the course has: beit-scenes, dino-scenes, mae"):
        checkpoint("dino-mars", folder)
    weights = folder / "mae-scenes.safetensors"
    whole = weights.read_bytes()
    for damaged in (whole[:-100], whole[:500] + b"x" + whole[501:], b""):
        weights.write_bytes(damaged)
        with pytest.raises(ValueError, match="missing or damaged"):
            checkpoint("mae-scenes", folder)
    weights.unlink()
    with pytest.raises(ValueError, match="missing or damaged"):
        checkpoint("mae-scenes", folder)
    path = folder / "simclr-scenes.json"
    old = json.loads(path.read_text())
    path.write_text(json.dumps(old | {"format": 99}))
    with pytest.raises(ValueError, match="has format 99, this version of the course reads 1"):
        checkpoint("simclr-scenes", folder)
    path.write_text(json.dumps(old | {"method": "swav"}))
    with pytest.raises(ValueError, match="does not hold the weights that its card describes"):
        checkpoint("simclr-scenes", folder)


def test_a_card_that_cannot_be_read_is_one_sentence(folder):
    path = folder / "mae-scenes.json"
    whole = json.loads(path.read_text())
    for text, words in (
        (path.read_text()[:80], "is damaged; restore it"),
        ("[1, 2]", "is not the card of a checkpoint"),
        ("{}", "is not the card of a checkpoint"),
        (json.dumps(whole | {"format": 2}), "has format 2, this version of the course reads 1"),
        (json.dumps({k: v for k, v in whole.items() if k != "sha256"}), "a card without sha256"),
    ):
        path.write_text(text)
        with pytest.raises(ValueError, match=words):
            checkpoint("mae-scenes", folder)


def test_weights_that_half_precision_cannot_hold(tmp_path):
    method = build("mae", budget("mae"), 1)
    with torch.no_grad():
        method.mask_token.fill_(1e6)
    with pytest.raises(ValueError, match="mask_token of huge does not fit into half precision"):
        save_pretrained("huge", method, about("mae"), tmp_path)
    assert not list(tmp_path.iterdir())


def test_which_tokenizer(folder):
    assert tokenizer_for("scenes") == "tokenizer-scenes"
    assert tokenizer_for("some/folder") == tokenizer_for("cifar10") == "tokenizer-photographs"
    assert isinstance(find_tokenizer("tokenizer-scenes", folder), ImageTokenizer)
    with pytest.raises(ValueError, match="mae-scenes is a MAE, not a tokenizer"):
        find_tokenizer("mae-scenes", folder)


def test_a_recipe_trains_writes_and_measures(tmp_path):
    """Small, but from the first step to the card; BEiT finds the tokenizer made before it."""
    train, test = load("scenes", limit=300), load("scenes", "test").subset(100, 0)
    for method in ("tokenizer", "beit"):
        name = f"{method}-scenes"
        assert make(name, Recipe(method, "scenes", 2), train, test, tmp_path / "runs", tmp_path)
        about = card(name, tmp_path)
        assert about["data"] == "300 scenes, 32 pixels" and about["training"]["steps"] == 2
        measured = about["measured"]
        assert measured["labels"] == 300 and measured["test images"] == 100
        assert len(measured["linear probe"]) == 3 and measured["its own task"]
        fitted = checkpoint(name, tmp_path)
        encoder = fitted if method == "tokenizer" else fitted.encoder
        features = [extract_features(encoder, images) for images in (train, test)]
        again = knn_accuracy(features[0], train.labels, features[1], test.labels)
        assert again == pytest.approx(list(measured["k-NN"].values())[-1], abs=1e-4)


def test_the_card_of_dino_tells_how_well_its_attention_finds_objects(tmp_path):
    train, test = load("scenes", limit=300), load("scenes", "test").subset(100, 0)
    recipe = Recipe("dino", "scenes", 2)
    assert make("dino-scenes", recipe, train, test, tmp_path / "runs", tmp_path)
    attention = card("dino-scenes", tmp_path)["measured"]["attention"]
    assert list(attention)[:3] == ["random map", "centre box", "untrained encoder"]
    encoder = kept_encoder(checkpoint("dino-scenes", tmp_path))
    found = attention["DINO teacher"]
    maps = attention_maps(encoder, test)
    again = score_maps(maps[:, found["head"]], test.masks, found["share"])
    assert again.jaccard == pytest.approx(found["jaccard"], abs=1e-4)
    assert again.pointing == pytest.approx(found["pointing"], abs=1e-4)
    mean = score_maps(maps.mean(dim=1), test.masks)
    assert mean.jaccard == pytest.approx(list(attention.values())[-1]["jaccard"], abs=1e-4)
    chosen = object_scores({"DINO": encoder}, load("scenes", "validation"), test, share=SHARES)
    assert (chosen["DINO"].head, chosen["DINO"].share) == (found["head"], found["share"])


def test_a_methods_own_task_is_asked_about_images_of_all_classes():
    """A folder comes class by class; its first images alone would all be black here."""
    images = load("scenes", limit=40)
    images.images[:20] = 0
    scores = pretext_scores(build("tokenizer", budget("tokenizer"), 0), images, limit=20)
    assert scores["a grey picture's"] > 0.001


def test_the_command_refuses_what_it_cannot_make(capfd):
    assert main(["checkpoints", "mae-mars"]) == 2
    assert "unknown checkpoint 'mae-mars'; choose from simclr-scenes" in capfd.readouterr().err
    assert main(["checkpoints", "mae-photographs"]) == 2
    assert "mae-photographs needs --photographs" in capfd.readouterr().err


def test_the_files_are_small_and_complete():
    names = checkpoint_names()
    assert set(names) <= set(RECIPES), "each is made by a recipe"
    sizes = [(FOLDER / f"{name}.safetensors").stat().st_size for name in names]
    assert max(sizes, default=0) <= 1.5e6 and sum(sizes) <= 15e6
    for name in names:
        about = card(name)
        assert about["training"]["steps"] == RECIPES[name].steps
        assert about["training"]["hours"] > 0 and about["measured"]["linear probe"]


@pytest.mark.parametrize("name", [n for n in checkpoint_names() if n.endswith("scenes")])
def test_a_card_tells_the_truth_on_scenes(name):
    check_card(name, "scenes")


@pytest.mark.photographs
@pytest.mark.skipif(
    not os.environ.get("SSLCOURSE_PHOTOGRAPHS"), reason="SSLCOURSE_PHOTOGRAPHS names no folder"
)
@pytest.mark.parametrize("name", [n for n in checkpoint_names() if n.endswith("photographs")])
def test_a_card_tells_the_truth_on_photographs(name):
    check_card(name, os.environ["SSLCOURSE_PHOTOGRAPHS"])


def check_card(name: str, data: str | Path) -> None:
    """Nearest neighbours of the untrained and the trained encoder score what the card says."""
    about = card(name)
    train, test = load(data, "train"), load(data, "test")
    train = train.subset(about["measured"]["labels"], 0)
    loaded = checkpoint(name)
    encoder = loaded if isinstance(loaded, ImageTokenizer) else kept_encoder(loaded)
    parts = {"tokenizer": loaded.tokenizer} if isinstance(loaded, BEiT) else {}
    untrained = build(about["method"], budget(about["method"], "laptop"), 0, **parts).encoder
    found = []
    for network in (untrained, encoder):
        features = [extract_features(network, images) for images in (train, test)]
        found.append(knn_accuracy(features[0], train.labels, features[1], test.labels))
    told = list(about["measured"]["k-NN"].values())[1:3]
    # another machine rounds otherwise
    assert found == pytest.approx(told, abs=0.01)
