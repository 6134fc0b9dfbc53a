"""Methods of region proposals with their settings, as they are chosen by name and as caches are filed by them."""

from dataclasses import asdict, dataclass
from typing import ClassVar

import numpy as np
import PIL

from tfapp.detection.proposals.selective_search import check_settings, import_opencv, selective_search
from tfapp.errors import InputError, either


@dataclass(frozen=True)
class SelectiveSearch:
    """`selective_search` with its settings, which are explained there.

    Attributes:
        name: How a person names it.
        is_quick: Whether proposals are made anew wherever they are asked for.

    Raises:
        InputError: For settings out of range, or if OpenCV's contributed modules are not installed.
    """

    mode: str = "fast"
    min_side: int = 20
    most: int = 2000
    longest_side: int = 500
    name: ClassVar[str] = "selective-search"
    is_quick: ClassVar[bool] = False

    def __post_init__(self):
        check_settings(**asdict(self))
        # Not found out by many threads at once, behind the first image.
        import_opencv()

    def boxes(self, image):
        """Return the proposals of a `BoxedImage`, float32 (count, 4); raises InputError as its `read` does."""
        return selective_search(image.read(), **asdict(self))

    def description(self):
        """Return all but the image that its proposals depend on, plain JSON values."""
        # The version is that of the code here: another one where the same settings give other boxes.
        versions = {"version": 1, "opencv": import_opencv().__version__, "pillow": PIL.__version__}
        return {"method": self.name, **asdict(self), **versions}


@dataclass(frozen=True)
class DenseAnchors:
    """Anchors around the cells of a grid, cut to the image; those that are left with a small side are left out.

    Attributes:
        stride: Pixels from one cell to the next.
        sizes: Sides in pixels of squares of the same area.
        ratios: Heights divided by widths.
        min_side: Least side in pixels.
        name, is_quick: As of `SelectiveSearch`.

    Raises:
        InputError: For settings out of range.
    """

    stride: int = 16
    sizes: tuple[float, ...] = (32, 64, 128, 256, 512)
    ratios: tuple[float, ...] = (0.5, 1, 2)
    min_side: int = 20
    name: ClassVar[str] = "anchors"
    is_quick: ClassVar[bool] = True

    def __post_init__(self):
        if self.stride < 1 or self.min_side < 1:
            raise InputError(
                f"`stride` and `min_side` must be at least 1; got {self.stride} and {self.min_side}."
            )
        for name, values in (("sizes", self.sizes), ("ratios", self.ratios)):
            if not values or not all(0 < value < np.inf for value in values):
                raise InputError(f"`{name}` must be positive numbers; got {list(values)}.")

    def boxes(self, image):
        """Return the proposals of a `BoxedImage`, float32 (count, 4), by its size alone."""
        # Loads TensorFlow, which selective search does without.
        from tfapp.detection.proposals.anchors import anchor_grid

        boxes = anchor_grid(*image.size, self.stride, self.sizes, self.ratios)
        boxes = np.clip(boxes, 0, np.tile(np.asarray(image.size, np.float32), 2))
        boxes = boxes[(boxes[:, 2:] - boxes[:, :2] >= self.min_side).all(axis=1)]
        # At the border, several shapes may be cut to one.
        _, first = np.unique(boxes, axis=0, return_index=True)
        return boxes[np.sort(first)]


METHODS = {method.name: method for method in (SelectiveSearch, DenseAnchors)}


def check_method(name):
    """Raise InputError if no method has this name."""
    if name not in METHODS:
        raise InputError(f"`method` must be {either(METHODS)}; got {name!r}.")
