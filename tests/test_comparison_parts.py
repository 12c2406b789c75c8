"""What the comparison is made of: its rows, its untrained encoders, its trainings, its images."""

from dataclasses import replace

import torch
from photographs import write_photographs

from sslcourse.comparison import commands, equal_time, measuring
from sslcourse.comparison.rows import KINDS, ROWS, chosen_rows
from sslcourse.comparison.trainings import Run, train, trained_encoder
from sslcourse.data import load
from sslcourse.evaluate import protocol
from sslcourse.hardware import peak_memory
from sslcourse.networks import VisionTransformer
from sslcourse.networks.resnet import ResNet


def test_a_table_of_scenes_is_about_what_was_drawn():
    scenes = load("scenes", limit=40)
    known = measuring.fingerprint(scenes)
    images = scenes.images.clone()
    images[3, 0, 5, 5] ^= 1
    assert measuring.fingerprint(replace(scenes, images=images)) == known, "another sine"
    assert measuring.fingerprint(replace(scenes, images=images // 2)) != known
    assert measuring.fingerprint(scenes[1:]) != known
    assert measuring.fingerprint(load("scenes", limit=40, seed=1)) != known
    photographs = replace(scenes, factors=None)
    changed = measuring.fingerprint(replace(photographs, images=images))
    assert changed != measuring.fingerprint(photographs), "every pixel of a photograph counts"


def test_a_training_has_a_process_of_its_own_and_its_memory_is_measured(tmp_path):
    folder = write_photographs(tmp_path / "photographs", 60, 10)
    path = tmp_path / "runs" / "simclr.pt"
    run = Run("simclr", str(folder), 32, 0.5, 3, "float32", "cpu", path)
    ballast = torch.ones(150, 2**20)  # 600 MiB that belong to this process only
    facts = train(run)
    assert facts["steps"] >= 1 and facts["ms a step"] * facts["steps"] >= 500
    assert 50 < facts["MiB before"] <= facts["MiB"]
    here = peak_memory(torch.device("cpu"))
    assert facts["MiB before"] < here - 300, "what this process holds does not count"
    assert ballast.numel() > 0
    assert train(run) == facts, "it is done"
    encoder = trained_encoder(run, load(folder))
    assert isinstance(encoder, ResNet)


def test_the_rows_are_six_methods_beside_their_baselines():
    assert {row.kind for row in ROWS} == set(KINDS)
    assert set(KINDS) == {
        "pixels",
        "untrained",
        "supervised",
        "simclr",
        "moco",
        "swav",
        "mae",
        "beit",
        "dino",
    }
    assert [row.name for row in chosen_rows(["supervised", "dino"])] == [
        "supervised ResNet",
        "supervised transformer",
        "dino",
    ]
    assert chosen_rows() == list(ROWS)
    for row in ROWS:
        if row.kind == row.method:
            kinds = [other.kind for other in ROWS if other.family == row.family]
            assert "untrained" in kinds and "supervised" in kinds
    assert commands.SEEDS == (0, 1, 2)


def test_untrained_encoders_are_those_that_training_begins_with():
    images = protocol.split_images(load("scenes", limit=40), load("scenes", "test", limit=10))
    for method, kind in (
        ("moco", ResNet),
        ("beit", VisionTransformer),
        ("dino", VisionTransformer),
    ):
        encoder = equal_time.untrained_encoder(method, 5, images)
        assert isinstance(encoder, kind)
        again = equal_time.untrained_encoder(method, 5, images).state_dict()
        assert all(torch.equal(value, again[name]) for name, value in encoder.state_dict().items())
