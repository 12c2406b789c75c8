"""For tests: a small folder of pictures in two classes, as a learner might have one."""

from pathlib import Path

from PIL import Image

from sslcourse.data import load


def write_photographs(folder: Path, train: int, test: int) -> Path:
    """Write `train` and `test` pictures of 32x32 as `split/class/NUMBER.png`."""
    for split, count in (("train", train), ("test", test)):
        for index, image in enumerate(load("scenes", split, limit=count).images):
            path = folder / split / ("disc" if index % 2 else "other") / f"{index:03}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(image.permute(1, 2, 0).numpy()).save(path)
    return folder
