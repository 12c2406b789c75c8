"""Images as one tensor, drawn or read, and random views of them."""

from sslcourse.data.augment import Augment, multi_crop
from sslcourse.data.images import ImageSet, load
from sslcourse.data.operations import denormalize, normalize

__all__ = ["Augment", "ImageSet", "denormalize", "load", "multi_crop", "normalize"]
