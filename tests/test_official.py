"""Published weights in our network: against timm, and the download without any network."""

import hashlib
import http.server
import re
import threading
import zipfile

import pytest
import torch

from sslcourse import console, official, pretrained
from sslcourse.networks import VisionTransformer
from sslcourse.official import NAMES, OFFICIAL, Weights, load_official

SIZES = (4, 12, 2, 3)  # of the small network that stands for a published one here


def published_names(depth):
    """What a published file calls its weights, written out."""
    names = ["cls_token", "pos_embed"]
    parts = ["patch_embed.proj", "norm"]
    for number in range(depth):
        inside = ("norm1", "attn.qkv", "attn.proj", "norm2", "mlp.fc1", "mlp.fc2")
        parts += [f"blocks.{number}.{part}" for part in inside]
    return {*names, *(f"{part}.{kind}" for part in parts for kind in ("weight", "bias"))}


def timms(name, **options):
    """timm's network with random values everywhere, also where it starts with zeros and ones."""
    import timm  # takes seconds, so only where it is needed

    torch.manual_seed(0)
    network = timm.create_model(name, num_classes=0, **options).eval()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.05 * torch.randn_like(parameter))
    return network


def tokens_and_attention(theirs, images):
    """timm's tokens after the last norm, and the weights of its last block's attention."""
    attention, seen = theirs.blocks[-1].attn, []
    attention.fused_attn = False  # only then the weights exist
    hook = attention.attn_drop.register_forward_hook(lambda *call: seen.append(call[2]))
    try:
        return theirs.forward_features(images), seen[0]
    finally:
        hook.remove()


@pytest.mark.parametrize(
    ("name", "model", "options"),
    [
        ("dino_vits16", "vit_small_patch16_224", {}),
        ("dino_vits8", "vit_small_patch16_224", {"patch_size": 8}),
        ("mae_vitb16", "vit_base_patch16_224", {}),
    ],
)
def test_the_same_values_give_the_same_tokens_and_attention_as_in_timm(name, model, options):
    theirs = timms(model, dynamic_img_size=True, **options)
    values = theirs.state_dict()
    patch_size, width, depth, heads = OFFICIAL[name].sizes
    assert set(values) == published_names(depth)
    ours = VisionTransformer(
        224, patch_size, width, depth, heads, positions="learned", pool="class"
    ).eval()
    load_official(ours, values, "a file")
    # patches of 8 pixels are four times as many; one size says it for them
    for size in (224, 160) if patch_size == 16 else (96,):
        images = torch.randn(1, 3, size, size, generator=torch.Generator().manual_seed(size))
        with torch.no_grad():
            tokens, weights = tokens_and_attention(theirs, images)
            assert torch.allclose(ours(images), tokens, atol=1e-4)
            assert torch.allclose(ours.attention(images), weights, atol=1e-4)
            assert tokens.std() > 0.1 and weights.std(dim=3).mean() > 1e-4, "there is something"
            assert torch.equal(ours.pool_tokens(tokens), tokens[:, 0])


def small_weights(depth=SIZES[2]):
    """Random weights under the published names, for a network of `SIZES`."""
    patch_size, width, _, _ = SIZES
    generator = torch.Generator().manual_seed(0)
    shapes = {"cls_token": (1, 1, width), "pos_embed": (1, 1 + (224 // patch_size) ** 2, width)}
    shapes["patch_embed.proj.weight"] = (width, 3, patch_size, patch_size)
    sides = {"attn.qkv": (3, 1), "attn.proj": (1, 1), "mlp.fc1": (4, 1), "mlp.fc2": (1, 4)}
    for name in published_names(depth) - set(shapes):
        part, kind = name.rsplit(".", 1)
        out, into = sides.get(part.split(".", 2)[-1], (1, None))
        matrix = kind == "weight" and into is not None
        shapes[name] = (out * width, into * width) if matrix else (out * width,)
    return {name: torch.randn(shape, generator=generator) for name, shape in sorted(shapes.items())}


@pytest.fixture
def server(tmp_path):
    """A web server for a folder: yields the folder and its address."""
    folder = tmp_path / "served"
    folder.mkdir()

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *arguments):
            super().__init__(*arguments, directory=folder)

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Quiet) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield folder, f"http://127.0.0.1:{running.server_address[1]}"
        running.shutdown()


@pytest.fixture
def publish(server, monkeypatch):
    """Put a file on the server, and make it what "dino_vits16" names."""
    folder, address = server

    def put(content, *, key=None, md5=None):
        path = folder / "weights.pth"
        torch.save(content, path)
        digest = hashlib.md5(path.read_bytes()).hexdigest()
        source = Weights(f"{address}/weights.pth", md5 or digest[:6], SIZES, key)
        monkeypatch.setitem(OFFICIAL, "dino_vits16", source)
        return path

    return put


@pytest.mark.parametrize("key", [None, "model"])
def test_weights_come_are_kept_and_come_no_second_time(publish, tmp_path, key, monkeypatch):
    weights = small_weights()
    path = publish(weights if key is None else {key: weights}, key=key)
    monkeypatch.setenv("SSLCOURSE_CACHE", str(tmp_path / "cache"))
    network = pretrained.official("dino_vits16")
    assert not network.training and network.pool == "class"
    assert torch.equal(network.class_token, weights["cls_token"])
    assert torch.equal(network.positions, weights["pos_embed"])
    assert torch.equal(network.blocks[1].mlp[2].bias, weights["blocks.1.mlp.fc2.bias"])
    images = torch.randn(2, 3, 16, 16)
    convolved = torch.nn.functional.conv2d(
        images,
        weights["patch_embed.proj.weight"],
        weights["patch_embed.proj.bias"],
        stride=SIZES[0],
    )
    assert torch.allclose(network.embed(images), convolved.flatten(2).transpose(1, 2), atol=1e-4)
    kept = tmp_path / "cache" / "official" / "weights.pth"
    assert [*kept.parent.iterdir()] == [kept] and kept.read_bytes() == path.read_bytes()
    path.unlink()
    again = pretrained.official("dino_vits16")
    assert torch.equal(again.class_token, network.class_token)


def test_a_download_says_how_far_it_is(publish, tmp_path, monkeypatch, capfd):
    path = publish(small_weights())
    monkeypatch.setattr(console, "LOG_PATIENCE", 0.0)
    monkeypatch.setattr(console, "LOG_INTERVAL", 0.0)
    monkeypatch.setattr(official, "PIECE", 50_000)
    pretrained.official("dino_vits16", tmp_path / "kept")
    lines = capfd.readouterr().err.splitlines()
    shares = [int(re.search(r"dino_vits16 +(\d+)%", line)[1]) for line in lines]
    assert shares == sorted(shares) and shares[0] < 60 and shares[-1] == 100
    assert lines[-1].endswith(f"{path.stat().st_size / 1e6:.0f} MB")


def test_another_file_than_the_published_one_is_not_kept(publish, tmp_path):
    publish(small_weights(), md5="abcdef")
    with pytest.raises(ConnectionError, match="MD5 sum starts with [0-9a-f]{6}, not abcdef"):
        pretrained.official("dino_vits16", tmp_path / "kept")
    assert not list((tmp_path / "kept").iterdir())


def test_without_a_network_it_is_one_sentence(publish, tmp_path, monkeypatch):
    path = publish(small_weights())
    kept = tmp_path / "kept" / "weights.pth"
    path.unlink()
    with pytest.raises(ConnectionError, match=r"could not be downloaded \(HTTP Error 404"):
        pretrained.official("dino_vits16", kept.parent)
    nobody = Weights("http://127.0.0.1:9/weights.pth", "abcdef", SIZES)
    monkeypatch.setitem(OFFICIAL, "dino_vits16", nobody)
    sentence = f"Without a network, bring the file here as {kept}"
    with pytest.raises(ConnectionError, match=re.escape(sentence)):
        pretrained.official("dino_vits16", kept.parent)
    assert not list(kept.parent.iterdir())


def test_a_download_that_ends_too_early_is_not_kept(publish, tmp_path, monkeypatch):
    publish(small_weights())
    opened = official.urllib.request.urlopen

    def broken(url, timeout):
        answer = opened(url, timeout=timeout)
        answer.headers.replace_header("Content-Length", "99999999")
        return answer

    monkeypatch.setattr(official.urllib.request, "urlopen", broken)
    with pytest.raises(ConnectionError, match="it ended after [0-9,]+ of 99,999,999 bytes"):
        pretrained.official("dino_vits16", tmp_path / "kept")
    assert not list((tmp_path / "kept").iterdir())


def test_a_kept_file_that_was_damaged_is_named(publish, tmp_path):
    publish(small_weights())
    pretrained.official("dino_vits16", tmp_path)
    kept = tmp_path / "weights.pth"
    kept.write_bytes(kept.read_bytes()[:-10])
    with pytest.raises(ValueError, match="weights.pth is damaged; delete it, and the next call"):
        pretrained.official("dino_vits16", tmp_path)


class Trap:
    """Opened as a pickle, it would run code."""

    def __reduce__(self):
        return print, ("code was run",)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ({"state": {}}, "it has state, which the method here lacks|it has no"),
        ({"weights": Trap()}, "holds no weights that can be read without code"),
        (small_weights(depth=1), "it has no blocks.1"),
        (small_weights(depth=3), "it has blocks.2"),
        (
            small_weights() | {"cls_token": torch.zeros(1, 1, 7)},
            r"class_token has shape \(1, 1, 7\)",
        ),
        (small_weights() | {"head.weight": torch.zeros(2)}, "it has head.weight"),
    ],
)
def test_a_file_with_something_else_is_one_sentence(publish, tmp_path, content, problem, capfd):
    publish(content)
    with pytest.raises(ValueError, match=problem):
        pretrained.official("dino_vits16", tmp_path)
    assert "code was run" not in capfd.readouterr().out


def test_a_file_that_is_no_archive(publish, tmp_path, monkeypatch):
    path = publish(small_weights())
    path.write_text("<html>please log in</html>")
    assert not zipfile.is_zipfile(path)
    digest = hashlib.md5(path.read_bytes()).hexdigest()
    source = OFFICIAL["dino_vits16"]
    monkeypatch.setitem(OFFICIAL, "dino_vits16", Weights(source.url, digest, SIZES))
    with pytest.raises(ValueError, match="holds no weights that can be read"):
        pretrained.official("dino_vits16", tmp_path)


def test_only_known_weights_can_be_named():
    with pytest.raises(
        ValueError, match="unknown weights 'clip'; choose one of dino_vits16, dino_"
    ):
        pretrained.official("clip")


def test_every_source_is_complete():
    assert set(OFFICIAL) == {"dino_vits16", "dino_vits8", "dino_vitb16", "mae_vitb16"}
    for source in OFFICIAL.values():
        assert re.fullmatch(r"https://dl\.fbaipublicfiles\.com/(dino|mae)/\S+\.pth", source.url)
        assert re.fullmatch("[0-9a-f]{6}", source.md5)
        assert source.sizes[1] == 64 * source.sizes[3], "64 channels a head"
    assert OFFICIAL["dino_vitb16"].sizes == OFFICIAL["mae_vitb16"].sizes
    assert len({source.url for source in OFFICIAL.values()}) == 4
    assert len(set(NAMES.values())) == len(NAMES)
