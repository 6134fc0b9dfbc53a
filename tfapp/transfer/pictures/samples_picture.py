"""What a backbone is given: images sharp, as small files, and enlarged again."""

from pathlib import PurePath

import numpy as np
from matplotlib.figure import Figure

from tfapp.errors import InputError
from tfapp.png_file import save_png

# Characters of an image's name that fit above it.
_NAME = 16


def save_samples_png(part, resolution, path, count=6, seed=0) -> None:
    """Draw images sharp, as the small file holds them, every pixel visible, and enlarged bicubically.

    Args:
        part: `tfapp.data.MultiLabelPart`; images that cannot be read are passed over.
        resolution: `tfapp.data.Resolution`.
        path: PNG file, written by write-then-rename.
        count: Images, at least 1; all of them if there are fewer.
        seed: Of the draw, and of what is random in the degradations.

    Raises:
        InputError: None of the images can be read; nothing is written then.
    """
    save_png(draw_samples(part, resolution, count, seed), path)


def draw_samples(part, resolution, count=6, seed=0) -> Figure:
    """Return the figure that `save_samples_png` saves."""
    images = _readable(part, count, seed)
    rows = _rows(resolution)
    figure = Figure(figsize=(1.1 + 1.7 * len(images), 0.4 + 1.75 * len(rows)), layout="constrained")
    panels = figure.subplots(len(rows), len(images), squeeze=False)
    for line, (label, view) in zip(panels, rows.items(), strict=True):
        line[0].set_ylabel(label, fontsize=9)
        for panel, (index, image) in zip(line, images, strict=True):
            panel.imshow(view(image, seed, index), interpolation="nearest", vmin=0, vmax=1)
            panel.set(xticks=[], yticks=[])
    for panel, (index, _) in zip(panels[0], images, strict=True):
        panel.set_title(_short(part.names[index]), fontsize=9)
    return figure


def _rows(resolution):
    """Return {label: function of (image, seed, index)} of the rows."""
    high, low = f"{resolution.high}×{resolution.high}", f"{resolution.low}×{resolution.low}"
    rows = {f"HR: {high}": lambda image, seed, index: resolution.sharp(image)}
    if resolution.low is None:
        # Nothing is reduced, so that the file has the size that the network sees.
        return rows | {f"LR: {high},\nmade worse": resolution.low_resolution}
    return rows | {
        f"the file: {low}": resolution.small,
        f"LR: enlarged\nto {high}": resolution.low_resolution,
    }


def _readable(part, count, seed):
    """Return [(place in the part, image)] of images drawn at random, in the order of the part."""
    images, fault = {}, None
    for index in np.random.default_rng(seed).permutation(len(part)).tolist():
        if len(images) == count:
            break
        try:
            images[index] = part.read(index)
        except InputError as error:
            fault = error
    if not images:
        raise InputError(f"None of {len(part)} images can be shown. {fault or ''}".strip())
    return sorted(images.items(), key=lambda item: item[0])


def _short(name):
    name = PurePath(name).name
    return name if len(name) <= _NAME else f"{name[: _NAME - 1]}…"
