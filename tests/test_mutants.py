"""Would the tests notice? Each famous mistake is put into a copy of the package by hand.

A mutant is one edit of one file. The named tests run on the copy and must fail.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import sslcourse

PACKAGE = Path(sslcourse.__file__).parent
TESTS = Path(__file__).parent

MUTANTS = {
    "labels at column 0": (
        "methods/simclr.py",
        "positives = torch.arange(len(z), device=z.device).roll(len(z1))",
        "positives = torch.zeros(len(z), device=z.device, dtype=torch.long)",
        "test_simclr.py",
    ),
    "unnormalised features": (
        "methods/simclr.py",
        "z = F.normalize(z if z.dtype == torch.float64 else z.float(), dim=1)",
        "z = z if z.dtype == torch.float64 else z.float()",
        "test_simclr.py",
    ),
    "normalised over the batch": (
        "methods/simclr.py",
        "else z.float(), dim=1)",
        "else z.float(), dim=0)",
        "test_simclr.py",
    ),
    "self-pair kept": (
        "methods/simclr.py",
        "logits.fill_diagonal_(-torch.inf)",
        "pass",
        "test_simclr.py",
    ),
    "views interleaved": (
        "methods/simclr.py",
        "z1, z2 = self(torch.cat(views)).chunk(2)",
        "z1, z2 = self(torch.stack(views, dim=1).flatten(0, 1)).chunk(2)",
        "test_simclr.py",
    ),
    "temperature multiplied": (
        "methods/simclr.py",
        "z @ z.T / temperature",
        "z @ z.T * temperature",
        "test_simclr.py",
    ),
    "the same view twice": (
        "methods/simclr.py",
        "return self.augment(images, generator), self.augment(images, generator)",
        "return (self.augment(images, generator),) * 2",
        "test_simclr.py",
    ),
    "keys join the queue before the loss": (
        "methods/moco.py",
        "q, k = self(query_view), self.keys(key_view, order)",
        "q, k = self(query_view), self.keys(key_view, order); self.enqueue(k)",
        "test_moco.py",
    ),
    "gradient into the keys": (
        "methods/moco.py",
        "F.normalize(keys.detach().to(raised), dim=1)",
        "F.normalize(keys.to(raised), dim=1)",
        "test_moco.py",
    ),
    "shuffled keys not put back in order": (
        "methods/moco.py",
        "return k[order.argsort()] if self.groups > 1 else k",
        "return k",
        "test_moco.py",
    ),
    "a momentum encoder that follows by the momentum": (
        "networks/ema.py",
        "torch._foreach_lerp_(slow, fast, 1 - momentum)",
        "torch._foreach_lerp_(slow, fast, momentum)",
        "test_ema.py",
    ),
    "Sinkhorn without equal use": (
        "methods/swav.py",
        "logs = logs - logs.logsumexp(dim=0, keepdim=True)",
        "pass",
        "test_swav.py",
    ),
    "a view predicts its own assignment": (
        "methods/swav.py",
        "if other != number",
        "if True",
        "test_swav.py",
    ),
    "prototypes leave the sphere": (
        "methods/swav.py",
        "self.prototypes.normalize_()",
        "pass",
        "test_swav.py",
    ),
    "loss on all patches": (
        "methods/mae.py",
        "return (error * mask).sum() / mask.sum()",
        "return error.mean()",
        "test_mae.py",
    ),
    "loss on the visible patches": (
        "methods/mae.py",
        "return (error * mask).sum() / mask.sum()",
        "return (error * ~mask).sum() / (~mask).sum()",
        "test_mae.py",
    ),
    "a decoder without positions": (
        "methods/mae.py",
        "x = x + self.decoder_positions.to(x.dtype)",
        "pass",
        "test_mae.py",
    ),
    "one mask for the whole batch": (
        "methods/mae.py",
        "noise = torch.rand(n, length, generator=generator, device=source)",
        "noise = torch.rand(1, length, generator=generator, device=source).repeat(n, 1)",
        "test_mae.py",
    ),
    "patches cut column by column": (
        "networks/patches.py",
        "-> n (rows columns) (p q c)",
        "-> n (columns rows) (p q c)",
        "test_vit.py",
    ),
    "colours before places inside a patch": (
        "networks/patches.py",
        "-> n (rows columns) (p q c)",
        "-> n (rows columns) (c p q)",
        "test_vit.py",
    ),
    "hidden patches reach the encoder": (
        "networks/vit.py",
        "tokens = take(tokens, visible_positions(mask, visible))",
        "visible_positions(mask, visible)",
        "test_vit.py",
    ),
    "attention across the batch": (
        "networks/transformer.py",
        "n t (three h d) -> three n h t d",
        "n t (three h d) -> three t h n d",
        "test_vit.py",
    ),
    "BEiT's loss on visible patches": (
        "methods/beit.py",
        "return (each * mask.flatten()).sum() / mask.sum()",
        "return (each * ~mask.flatten()).sum() / (~mask).sum()",
        "test_beit.py",
    ),
    "each image weighs the same, however much it hides": (
        "methods/beit.py",
        "return (each * mask.flatten()).sum() / mask.sum()",
        "return ((each.view_as(mask) * mask).sum(1) / mask.sum(1)).mean()",
        "test_beit.py",
    ),
    "BEiT sees what is hidden": (
        "methods/beit.py",
        "hidden = torch.where(mask[:, :, None], self.mask_token.to(patches.dtype), patches)",
        "hidden = patches",
        "test_beit.py",
    ),
    "a tokenizer that goes on learning": (
        "methods/beit.py",
        "self.tokenizer = tokenizer.requires_grad_(False)",
        "self.tokenizer = tokenizer.requires_grad_(True)",
        "test_beit.py",
    ),
    "a choice without noise": (
        "methods/dvae.py",
        "(logits + noise) / self.temperature_at",
        "logits / self.temperature_at",
        "test_tokenizer.py",
    ),
    "a balance that rewards one code": (
        "methods/dvae.py",
        "balance * (math.log(shares.shape[-1]) - codebook_entropy",
        "balance * (codebook_entropy(shares.to(raised)) - 0 * codebook_entropy",
        "test_tokenizer.py",
    ),
    "DINO's view follows its own teacher": (
        "methods/dino.py",
        "if other != number",
        "if True",
        "test_dino.py",
    ),
    "gradient into the teacher's output": (
        "methods/dino.py",
        "(scores.to(raised) - center).detach()",
        "(scores.to(raised) - center)",
        "test_dino.py",
    ),
    "a centre that is added": (
        "methods/dino.py",
        "(scores.to(raised) - center)",
        "(scores.to(raised) + center)",
        "test_dino.py",
    ),
    "a centre of what is centred already": (
        "methods/dino.py",
        "self.fresh = teacher.mean(dim=(0, 1))[None]",
        "self.fresh = (teacher - self.center).mean(dim=(0, 1))[None]",
        "test_dino.py",
    ),
    "a centre of outputs instead of scores": (
        "methods/dino.py",
        "self.fresh = teacher.mean(dim=(0, 1))[None]",
        "self.fresh = teacher.softmax(dim=2).mean(dim=(0, 1))[None]",
        "test_dino.py",
    ),
    "a centre that moves before the loss": (
        "methods/dino.py",
        "sharp, soft = self.temperature_at(self.progress), self.student_temperature",
        "sharp, soft = self.temperature_at(self.progress), self.student_temperature; "
        "self.center = torch.lerp(teacher.mean(dim=(0, 1))[None], self.center, 0.9)",
        "test_dino.py",
    ),
    "a centre that moves by its momentum": (
        "methods/dino.py",
        "torch.lerp(self.fresh, self.center, self.center_momentum)",
        "torch.lerp(self.center, self.fresh, self.center_momentum)",
        "test_dino.py",
    ),
    "a teacher hotter than its student": (
        "methods/dino.py",
        '{"student_temperature": soft, "teacher_temperature": sharp}',
        '{"student_temperature": sharp, "teacher_temperature": soft}',
        "test_dino.py",
    ),
    "a teacher that never follows": (
        "methods/dino.py",
        "ema_update(self.teacher_encoder, self.encoder, momentum)",
        "pass",
        "test_dino.py",
    ),
    "a teacher's head that never follows": (
        "methods/dino.py",
        "ema_update(self.teacher_head, self.head, momentum)",
        "pass",
        "test_dino.py",
    ),
    "a teacher that does not start as its student": (
        "methods/dino.py",
        "ema_copy(encoder), ema_copy(self.head)",
        "ema_copy(encoder), DINOHead(encoder.width_out, prototypes, width_hidden=hidden, "
        "width_bottleneck=bottleneck).requires_grad_(False)",
        "test_dino.py",
    ),
    "a teacher that is trained": (
        "networks/ema.py",
        "return copy.deepcopy(module).requires_grad_(False)",
        "return copy.deepcopy(module)",
        "test_ema.py test_dino.py",
    ),
    "a momentum that falls": (
        "networks/ema.py",
        "return end + (start - end) * 0.5",
        "return start + (end - start) * 0.5",
        "test_ema.py",
    ),
    "a head without unit length": (
        "networks/heads.py",
        "return F.normalize(self.mlp(h).float(), dim=1)",
        "return self.mlp(h).float()",
        "test_dino.py",
    ),
    "a gain that is trained": (
        "networks/heads.py",
        "gain.requires_grad_(False).fill_(1.0)",
        "gain.data.fill_(1.0)",
        "test_dino.py",
    ),
    "the student judged instead of the teacher": (
        "scores.py",
        "return method.teacher_encoder if isinstance(method, DINO) else method.encoder",
        "return method.encoder",
        "test_dino.py",
    ),
    "attention that is no softmax": (
        "networks/transformer.py",
        "return torch.softmax(scores if bias is None else scores + bias, dim=3)",
        "return scores if bias is None else scores + bias",
        "test_vit.py test_attention.py",
    ),
    "the class token's own share left in the map": (
        "evaluate/attention.py",
        "return encoder.attention(part)[:, :, 0, 1:]",
        "return encoder.attention(part)[:, :, 0, :-1]",
        "test_attention.py",
    ),
    "who looks at the class token, not where it looks": (
        "evaluate/attention.py",
        "return encoder.attention(part)[:, :, 0, 1:]",
        "return encoder.attention(part)[:, :, 1:, 0]",
        "test_attention.py",
    ),
    "the weakest patches kept": (
        "evaluate/attention.py",
        "kept = total > (1 - share + 1e-12) * total[..., -1:]",
        "kept = total <= share * total[..., -1:]",
        "test_attention.py",
    ),
    "kept patches not put back in their places": (
        "evaluate/attention.py",
        "torch.zeros_like(kept).scatter(-1, order, kept)",
        "kept",
        "test_attention.py",
    ),
    "a rollout without what stays of a token": (
        "evaluate/attention.py",
        "tokens = 0.5 * (tokens + torch.eye(tokens.shape[1], device=tokens.device))",
        "pass",
        "test_attention.py",
    ),
    "the head chosen on the test images": (
        "evaluate/objects.py",
        "best_head(attention_maps(encoder, validation), validation.masks, share)",
        "best_head(attention_maps(encoder, test), test.masks, share)",
        "test_objects.py",
    ),
    "the size of the box chosen on the test images": (
        "evaluate/objects.py",
        "centre_box(validation.masks).expand",
        "centre_box(test.masks).expand",
        "test_objects.py",
    ),
    "a download of whatever comes": (
        "official.py",
        "if not digest.hexdigest().startswith(source.md5):",
        "if False:",
        "test_official.py",
    ),
    "official patches read as ours": (
        "official.py",
        "d c rows columns -> d (rows columns c)",
        "d c rows columns -> d (c rows columns)",
        "test_official.py",
    ),
    "augmentation shared by the whole batch": (
        "data/augment.py",
        "draws = torch.rand(14, count, device=source, generator=generator).to(device)",
        "draws = torch.rand(14, 1, device=source, generator=generator).to(device).repeat(1, count)",
        "test_augment.py test_simclr.py",
    ),
    "hue turned the wrong way": (
        "data/operations.py",
        "+ 6 * shift[:, None, None]",
        "- 6 * shift[:, None, None]",
        "test_augment.py",
    ),
    "probe fitted on test data": (
        "evaluate/probe.py",
        "fit_logistic(classifier, train, train_labels, best, iterations, last)",
        "fit_logistic(classifier, test, test_labels, best, iterations, last)",
        "test_probe.py",
    ),
    "regularisation chosen on test data": (
        "evaluate/probe.py",
        "classifier, train, train_labels, weight_decays, held_out, seed, iterations, show",
        "classifier, test, test_labels, weight_decays, held_out, seed, iterations, show",
        "test_probe.py",
    ),
    "regularisation chosen on what it learned from": (
        "evaluate/probe.py",
        "accuracy(predict(classifier, train[held]), labels[held])",
        "accuracy(predict(classifier, train[kept]), labels[kept])",
        "test_probe.py",
    ),
    "test data standardised by itself": (
        "evaluate/probe.py",
        "(train - mean) / std, (test - mean) / std",
        "(train - mean) / std, (test - test.mean(0)) / test.std(0)",
        "test_probe.py",
    ),
    "encoder left in train mode during extraction": (
        "evaluate/features.py",
        "    encoder.eval()\n",
        "",
        "test_features.py",
    ),
    "encoder left in evaluation mode afterwards": (
        "evaluate/features.py",
        "module.training = training",
        "pass",
        "test_features.py",
    ),
    "fine-tuning trains the learner's encoder": (
        "evaluate/fine_tune.py",
        "copy.deepcopy(encoder)",
        "encoder",
        "test_probe.py",
    ),
    "the same views in every step": (
        "train/loop.py",
        "step_generator(config.seed, self.step, device)",
        "step_generator(config.seed, 0, device)",
        "test_train.py",
    ),
    "an optimiser that forgets when resumed": (
        "train/loop.py",
        "saved = load_checkpoint(path, self.method, self.optimizer)",
        "saved = load_checkpoint(path, self.method)",
        "test_train.py",
    ),
    "checkpoint written in place": (
        "train/checkpoint.py",
        "write_whole(Path(path), lambda file: file.write_bytes(buffer.getbuffer()))",
        "Path(path).write_bytes(buffer.getbuffer())",
        "test_checkpoint.py",
    ),
}


def run_on_copy(folder: Path, file: str, right: str, wrong: str, tests: str) -> int:
    """Pytest's exit code for some tests on a copy of the package with one edit."""
    copy = folder / "sslcourse"
    shutil.copytree(PACKAGE, copy, ignore=shutil.ignore_patterns("__pycache__"))
    source = (copy / file).read_text()
    assert source.count(right) == 1, "the mutant no longer fits the code: adapt it"
    (copy / file).write_text(source.replace(right, wrong))
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider"]
        + [str(TESTS / test) for test in tests.split()],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder)},
        capture_output=True,
        text=True,
    )
    return done.returncode


@pytest.mark.parametrize("name", MUTANTS)
def test_suite_catches(name, tmp_path):
    assert run_on_copy(tmp_path, *MUTANTS[name]) == 1  # 1: tests ran, and some failed


def test_suite_passes_a_harmless_edit(tmp_path):
    """The control: not the copying itself makes the tests fail."""
    edit = ("methods/simclr.py", "z @ z.T / temperature", "(z @ z.T) / temperature")
    assert run_on_copy(tmp_path, *edit, "test_simclr.py test_features.py") == 0
