"""Random views of a whole batch in one call, every image with parameters of its own.

`Augment.draw` draws the parameters, `Augment.apply` uses them; calling an `Augment` does both.
Definitions follow torchvision's functional transforms, and the tests compare image by image.
Two choices differ from torchvision's random transforms: brightness, contrast, saturation and hue
come in this fixed order, and a crop that would stick out of the image is cut to fit instead of
drawn again.

The recipe is SimCLR's (Chen et al. 2020, arXiv:2002.05709, appendix A). Solarize comes from BYOL
(Grill et al. 2020, arXiv:2006.07733).
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from sslcourse.data.operations import (
    ViewParameters,
    blend,
    blur_matrix,
    check_images,
    from_both_sides,
    grey_of,
    normalize,
    resample,
    shift_hue,
    to_unit,
    where_chosen,
)

PIXELS = 2**17  # of all images that are worked on at a time


@dataclass(frozen=True)
class Augment:
    """Random views: crop, flip, colour jitter, grayscale, blur, solarize, normalise.

    `dataclasses.replace(augment, jitter=None)` switches one part off and leaves the draws of all
    others as they were.

    Attributes:
        crop_scale: smallest and largest share of the area that a crop aims at, in (0, 1]; or None.
            Where the aspect makes it stick out, less is kept.
        flip: probability of a mirror image.
        jitter: strength s, for 0.8s, 0.8s, 0.8s and 0.2s as in SimCLR, or the four largest changes
            of brightness, contrast, saturation (>= 0) and hue (in [0, 0.5]); or None.
        grayscale: probability of losing all colour.
        blur: probability of Gaussian blur; its kernel spans a tenth of the image.
        solarize: probability of inverting all pixels above one half.
        jitter_probability: probability that an image is jittered at all.
        crop_aspect: smallest and largest width / height of a crop.
        blur_sigma: smallest and largest sigma, in pixels.
        size: height and width of the views; by default the images' own height.
        normalized: whether views are normalised; otherwise they lie in [0, 1].

    Raises:
        ValueError: a probability outside [0, 1], or an impossible range.
    """

    crop_scale: tuple[float, float] | None = (0.3, 1.0)
    flip: float = 0.5
    jitter: float | tuple[float, float, float, float] | None = 0.5
    grayscale: float = 0.2
    blur: float = 0.0
    solarize: float = 0.0
    jitter_probability: float = 0.8
    crop_aspect: tuple[float, float] = (3 / 4, 4 / 3)
    blur_sigma: tuple[float, float] = (0.1, 2.0)
    size: int | None = None
    normalized: bool = True

    def __post_init__(self) -> None:
        for name in ("flip", "grayscale", "blur", "solarize", "jitter_probability"):
            chance = getattr(self, name) or 0.0
            if not 0 <= chance <= 1:
                raise ValueError(f"{name} is a probability in [0, 1], got {chance}.")
        for name, most in (
            ("crop_scale", 1.0),
            ("crop_aspect", torch.inf),
            ("blur_sigma", torch.inf),
        ):
            given = getattr(self, name)
            if given is None and name == "crop_scale":
                continue
            if not isinstance(given, tuple | list) or len(given) != 2:
                raise ValueError(f"{name} must be two numbers (low, high), got {given}.")
            if not 0 < given[0] <= given[1] <= most:
                raise ValueError(f"{name} must have 0 < low <= high <= {most}, got {given}.")
        changes = self._largest_changes()
        if len(changes) != 4 or not all(change >= 0 for change in changes) or changes[3] > 0.5:
            raise ValueError(
                "jitter must be a strength, or four changes >= 0 of brightness, contrast, "
                f"saturation and hue (hue at most 0.5), got {self.jitter}."
            )
        if self.size is not None and self.size < 1:
            raise ValueError(f"size must be at least 1 pixel, got {self.size}.")

    def __call__(self, images: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """One view of each image.

        Args:
            images: uint8, or floats in [0, 1], (N, 3, H, W), on any device.
            generator: source of randomness; an equal generator gives equal views.

        Returns:
            float32 (N, 3, size, size) on the images' device.
        """
        check_images(images)
        count, _, height, width = images.shape
        parameters = self.draw(count, height, width, images.device, generator)
        # a few images at a time stay in the processor's cache from the first change to the last
        some = max(1, PIXELS // (height * width))
        if images.device.type != "cpu" or count <= some:
            return self.apply(images, parameters)
        size = self.size or height
        views = torch.empty(count, 3, size, size)
        for start in range(0, count, some):
            part = slice(start, start + some)
            views[part] = self.apply(images[part], parameters[part])
        return views

    def draw(
        self,
        count: int,
        height: int,
        width: int,
        device: torch.device | str = "cpu",
        generator: torch.Generator | None = None,
    ) -> ViewParameters:
        """Draw parameters for `count` images of a size. Always takes the same number of draws."""
        source = generator.device if generator is not None else device
        draws = torch.rand(14, count, device=source, generator=generator).to(device)
        area, aspect, top, left, flip, jittered, *changes, grey, blurred, sigma, solar = draws
        jitter = None
        if any(self._largest_changes()):
            kept = jittered < self.jitter_probability
            spans = zip(changes, self._largest_changes(), strict=True)
            brightness, contrast, saturation, hue = (
                torch.where(kept, span * (2 * share - 1), 0) for share, span in spans
            )
            factors = torch.stack([brightness, contrast, saturation]).add_(1).clamp_min_(0)
            jitter = torch.cat([factors, hue[None]])
        low, high = self.blur_sigma
        return ViewParameters(
            boxes=self._boxes(area, aspect, top, left, height, width) if self.crop_scale else None,
            flipped=flip < self.flip if self.flip else None,
            jitter=jitter,
            grayscale=grey < self.grayscale if self.grayscale else None,
            blur_sigma=torch.where(blurred < self.blur, low + (high - low) * sigma, 0)
            if self.blur
            else None,
            solarize=solar < self.solarize if self.solarize else None,
        )

    def apply(self, images: Tensor, parameters: ViewParameters) -> Tensor:
        """Make the views (N, 3, size, size) that `parameters` describe."""
        views = to_unit(images)
        size = self.size or views.shape[2]
        if parameters.boxes is not None or views.shape[2:] != (size, size):
            views = resample(views, size=size, boxes=parameters.boxes, flipped=parameters.flipped)
        elif parameters.flipped is not None:
            views = where_chosen(parameters.flipped, views.flip(3), views)
        if parameters.jitter is not None:
            brightness, contrast, saturation, hue = parameters.jitter
            views = (views * brightness[:, None, None, None]).clamp_(0, 1)
            views = blend(views, grey_of(views.mean(dim=(2, 3), keepdim=True)), contrast)
            views = blend(views, grey_of(views), saturation)
            views = shift_hue(views, hue)
        if parameters.grayscale is not None:
            views = where_chosen(parameters.grayscale, grey_of(views), views)
        if parameters.blur_sigma is not None:
            blur = blur_matrix(parameters.blur_sigma, size, max(size // 20, 1))  # (N, size, size)
            views = from_both_sides(blur, views, blur)
        if parameters.solarize is not None:
            inverted = torch.minimum(views, 1 - views)  # of each pixel above one half
            views = where_chosen(parameters.solarize, inverted, views)
        if self.normalized:
            return normalize(views)
        return views.clone() if views is images else views  # never the learner's own tensor

    def _largest_changes(self) -> tuple[float, float, float, float]:
        if self.jitter is None:
            return (0.0, 0.0, 0.0, 0.0)
        if isinstance(self.jitter, (int, float)):
            return (0.8 * self.jitter,) * 3 + (0.2 * self.jitter,)
        return tuple(self.jitter)

    def _boxes(
        self, area: Tensor, aspect: Tensor, top: Tensor, left: Tensor, height: int, width: int
    ) -> Tensor:
        """Uniform draws (N,) -> boxes (N, 4): area uniform, aspect uniform in its logarithm."""
        low, high = self.crop_scale
        area = (low + (high - low) * area) * height * width
        narrow, wide = torch.tensor(self.crop_aspect).log().tolist()
        aspect = torch.exp(narrow + (wide - narrow) * aspect)
        box_height = (area / aspect).sqrt().round().clamp(1, height)
        box_width = (area * aspect).sqrt().round().clamp(1, width)
        top = (top * (height - box_height + 1)).floor()
        left = (left * (width - box_width + 1)).floor()
        return torch.stack([top, left, box_height, box_width], dim=1)


# what methods that hide patches use: hiding is what makes their task hard
CROP_AND_FLIP = Augment(jitter=None, grayscale=0.0)


def multi_crop(
    images: Tensor,
    large: Augment,
    small: Augment,
    small_views: int,
    generator: torch.Generator | None = None,
    *,
    large_views: int = 2,
) -> list[Tensor]:
    """A few views of most of each image, and more cheap ones of small parts of it.

    (Caron et al. 2020, arXiv:2006.09882, section 3.2.)

    Args:
        images: uint8, or floats in [0, 1], (N, 3, H, W).
        large: makes the large crops.
        small: makes the small crops; its `size` says how many pixels they have.
        small_views: number of small crops, at least 0.
        generator: source of randomness.
        large_views: number of large crops.

    Returns:
        The large views, then the small ones, each (N, 3, size, size).

    Raises:
        ValueError: a negative number of crops, or crops with more pixels than the images.
    """
    if small_views < 0 or large_views < 1:
        raise ValueError(
            f"multi_crop needs at least one large view and no negative number of small ones, got "
            f"{large_views} and {small_views}."
        )
    for name, augment in (("large", large), ("small", small)):
        if augment.size is not None and augment.size > min(images.shape[2:]):
            raise ValueError(
                f"{name} crops of {augment.size} pixels are larger than the images of "
                f"{images.shape[2]}x{images.shape[3]}; choose a smaller size."
            )
    makers = [large] * large_views + [small] * small_views
    return [make(images, generator) for make in makers]
