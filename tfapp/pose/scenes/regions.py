"""Regions of a folder of scenes: where parts may lie, for all of its scenes or for one."""

import os

import numpy as np
from PIL import Image

from tfapp.pose.scenes.part_masks import read_part_mask
from tfapp.report.figures import save_image

# Of all scenes, and the folder of those of one scene each.
REGION, REGIONS = "region.png", "region"


class Regions:
    """What a folder of scenes says about where parts may be, such as a bin's floor without its walls.

    Args:
        path: The folder.
        named: `NamedFiles` of the folder.
        check_size: Function of a file and its picture that raises InputError if it has not the size of the camera.
    """

    def __init__(self, path, named, check_size):
        self._named, self._check_size = named, check_size
        self._has_common = os.path.lexists(path / REGION)
        self._has_own = (path / REGIONS).is_dir()
        self._common = None

    @property
    def source(self):
        """What the regions are read from, as words; empty if there are none."""
        return " and ".join(
            name for name, there in ((REGION, self._has_common), (f"{REGIONS}/", self._has_own)) if there
        )

    def of(self, stem):
        """Return bool (height, width), where parts may be in a scene; None for everywhere.

        Raises:
            InputError: A picture is missing, damaged, or of another size.
        """
        if self._has_common and self._common is None:
            self._common = self._read(REGION)
        if not self._has_own:
            return self._common
        own = self._read(f"{REGIONS}/{stem}.png")
        return own if self._common is None else own & self._common

    def files(self, stem):
        """Return the paths of the files that `of` reads for a scene."""
        common = [self._named.path(REGION)] if self._has_common else []
        return common + ([self._named.path(f"{REGIONS}/{stem}.png")] if self._has_own else [])

    def _read(self, name):
        file = self._named.path(name)
        region = read_part_mask(file)
        self._check_size(file, region)
        return region


def write_region(path, region) -> None:
    """Write a region, bool (height, width), as a picture in black and white."""
    save_image(Image.fromarray(np.where(region, 255, 0).astype(np.uint8)), path)
