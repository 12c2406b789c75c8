import pytest
import torch
from trainings import SCENES, config, small_method

from sslcourse.train import TrainConfig, fit


def losses(method, **changes):
    return fit(method, SCENES, config(steps=4, **changes))["loss"]


def test_a_compiled_training_learns_the_same(tmp_path):
    plain, fast = small_method(), small_method()
    expected = losses(plain)
    found = losses(fast, compile="default", checkpoint=tmp_path / "run.pt")
    assert found == pytest.approx(expected, abs=1e-3)
    assert plain.state_dict().keys() == fast.state_dict().keys()
    again = small_method()  # compiled or not, a checkpoint is the same
    assert len(fit(again, SCENES, config(steps=4, checkpoint=tmp_path / "run.pt"))) == 4
    for one, other in zip(again.parameters(), fast.parameters(), strict=True):
        assert torch.equal(one, other)


def test_without_a_compiler_one_sentence_says_so(monkeypatch):
    monkeypatch.setattr("shutil.which", lambda _: None)
    with pytest.raises(ValueError, match=r"needs a C\+\+ compiler.*install g\+\+"):
        losses(small_method(), compile="default")


def test_an_unknown_mode_is_refused():
    with pytest.raises(ValueError, match="compile must be one of None, default, reduce-overhead"):
        TrainConfig(steps=1, compile="fast")


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_cuda_graphs_learn_the_same():
    images = SCENES.to("cuda")
    plain = fit(small_method(), images, config(steps=6))["loss"]
    fast = fit(small_method(), images, config(steps=6, compile="reduce-overhead"))["loss"]
    assert fast == pytest.approx(plain, abs=1e-3)
