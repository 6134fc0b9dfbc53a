"""Embedded default dataset `cells`: stained white blood cells, drawn from a seed, nothing to download."""

from functools import lru_cache, partial

import numpy as np
from scipy import ndimage

from tfapp.data.dataset import Dataset, Item
from tfapp.data.readers.smear import (
    LINEAGES,
    Disc,
    Lineage,
    RedCellTraits,
    Slide,
    lay_plasma,
    lay_platelet,
    lay_red,
    lay_white,
)
from tfapp.errors import InputError

CLASS_NAMES = ("background", "cytoplasm", "nucleus")
COUNT, SIZE, MIN_SIZE = 100, 128, 32
MAX_COUNT, MAX_SIZE = 1_000_000, 8192

# Optical density in (red, green, blue) of one unit of eosin, azure and methylene blue, read off photographs
# of Wright-stained smears: red cells, nuclei, the cytoplasm of lymphocytes.
_STAIN_DENSITY = np.array([[0.18, 0.36, 0.27], [0.72, 1.20, 0.30], [0.38, 0.24, 0.06]])

# An alkaline buffer turns red cells from salmon to blue-grey.
_ALKALINE_EOSIN = np.array([0.34, 0.37, 0.21])

# Drawing finer than the picture, then averaging, anti-aliases every edge.
_SUPERSAMPLING = 2


def cells(spec, count=COUNT, size=SIZE):
    """Return generated photographs of blood smears; each is drawn when it is read.

    Args:
        spec: What names the dataset; it decides nothing.
        count: Number of images, at least 1.
        size: Side of the square images in pixels, at least 32.

    Raises:
        InputError: For fewer images or smaller ones, or more than 1,000,000 or larger than 8192 pixels.
    """
    if count < 1 or size < MIN_SIZE:
        raise InputError(f"{spec!r} asks for too little; expected COUNT >= 1 and SIZE >= {MIN_SIZE}.")
    if count > MAX_COUNT or size > MAX_SIZE:
        raise InputError(
            f"{spec!r} asks for too much; expected COUNT <= {MAX_COUNT:,} and SIZE <= {MAX_SIZE:,}."
        )
    return Dataset(spec, CLASS_NAMES, 3, tuple(_item(index, size) for index in range(count)))


def _item(index, size):
    return Item(
        name=f"{index:04d}",
        read_pixels=partial(_pixels, index, size),
        read_labels=partial(_labels, index, size),
        size=(size, size),
        files=(),
        group=f"{index:04d}",
    )


def _pixels(index, size):
    return _generated(index, size)[0]


def _labels(index, size):
    return _generated(index, size)[1]


@lru_cache(maxsize=8)
def _generated(index, size):
    # An image and its mask are read one after the other: draw the scene once for both.
    return generate_cell(0, index, size)


def generate_cell(seed: int, index: int, size: int = 128) -> tuple[np.ndarray, np.ndarray]:
    """Draw one photograph of a blood smear and its true segmentation.

    Modelled: one white cell, sometimes two, of five lineages (irregular cytoplasm with granules and bubbles;
    a nucleus of one to four joined lobes with chromatin texture and, in some, holes that show cytoplasm);
    red cells that touch, overlap, lie over the edge of the white cell or leave the frame; platelets and
    precipitate in the colour of a nucleus; stain absorption by the Beer-Lambert law, with the stain, its
    buffer and the lamp varying between pictures; uneven light, blur of the optics, shot and read noise of
    the camera. Colour alone does not give the class away: the cytoplasm of one picture has the colour of red
    cells or of plasma in another.

    Args:
        seed: Non-negative integer that names the dataset.
        index: Non-negative integer that names the picture within it.
        size: Side of the square picture in pixels, at least 32. Lengths in the picture scale with it.

    Returns:
        Image, uint8 in [0, 255], shape `(size, size, 3)`, and labels, uint8, shape `(size, size)`:
        0 background (plasma, red cells, platelets), 1 cytoplasm, 2 nucleus, as in `CLASS_NAMES`.
        They depend on the three arguments alone.

    Example:

    >>> image, labels = generate_cell(seed=0, index=0, size=64)
    >>> image.shape, labels.shape
    ((64, 64, 3), (64, 64))
    """
    if size < MIN_SIZE:
        raise ValueError(f"`size` must be an integer of at least {MIN_SIZE} pixels. Received: size={size}.")
    rng = np.random.default_rng([seed, index, size])
    slide = _compose(rng, _SUPERSAMPLING * size)
    light = _average_blocks(_transmit(rng, slide.stain)) * _illumination(rng, size)
    blur = rng.uniform(0.003, 0.008) * size
    light = ndimage.gaussian_filter(light, (0, blur, blur))
    return _expose(rng, light).transpose(1, 2, 0).copy(), _majority(slide.labels)


def _compose(rng: np.random.Generator, num_pixels: int) -> Slide:
    """Lay plasma, red cells, white cells, red cells over the edge of a white cell, platelets, precipitate."""
    slide = Slide(num_pixels)
    lay_plasma(rng, slide)
    white = _place_white(rng)
    red = _place_red(rng, [disc for _, disc in white])
    num_below = rng.binomial(len(red), 0.65)
    traits = RedCellTraits(rng.uniform(0.4, 1.2), rng.uniform(0.0, 1.0), rng.uniform(0.006, 0.02))
    for disc in red[:num_below]:
        lay_red(rng, slide, disc, traits, opacity=0)
    for lineage, disc in white:
        lay_white(rng, slide, lineage, disc)
    for disc in red[num_below:]:
        lay_red(rng, slide, disc, traits, opacity=0.75)
    for disc in _place_platelets(rng):
        lay_platelet(rng, slide, disc)
    return slide


def _place_white(rng: np.random.Generator) -> list[tuple[Lineage, Disc]]:
    """One white cell near the middle and, in some images, a second that may be cut by the border."""
    first, second = (LINEAGES[rng.integers(len(LINEAGES))] for _ in range(2))
    middle = Disc(rng.uniform(0.36, 0.64, 2), rng.uniform(*first.radius))
    neighbour = Disc(rng.uniform(0.0, 1.0, 2), rng.uniform(*second.radius))
    if rng.random() < 0.4 and middle.overlap(neighbour) < 1.02:
        return [(first, middle), (second, neighbour)]
    return [(first, middle)]


def _place_red(rng: np.random.Generator, white: list[Disc]) -> list[Disc]:
    """Throw red cells, half of them against a white cell; drop those that would overlap too far."""
    typical_radius = rng.uniform(0.09, 0.15)
    red: list[Disc] = []
    for _ in range(rng.integers(5, 40)):
        radius = typical_radius * rng.uniform(0.88, 1.12)
        centre = rng.uniform(-0.08, 1.08, 2)
        if rng.random() < 0.5:
            host, angle = white[rng.integers(len(white))], rng.uniform(0, 2 * np.pi)
            reach = (host.radius + radius) * rng.uniform(0.86, 1.04)
            centre = host.centre + reach * np.array([np.sin(angle), np.cos(angle)])
        disc = Disc(np.clip(centre, -0.08, 1.08), radius)
        if all(disc.overlap(other) < 1.2 for other in white + red):
            red.append(disc)
    return red


def _place_platelets(rng: np.random.Generator) -> list[Disc]:
    """Some platelets and, in one image of three, specks of precipitate."""
    platelets = rng.uniform(0.014, 0.032, rng.poisson(1.5))
    specks = rng.uniform(0.004, 0.008, rng.poisson(5) if rng.random() < 0.33 else 0)
    return [Disc(rng.uniform(0.03, 0.97, 2), radius) for radius in (*platelets, *specks)]


def _transmit(rng: np.random.Generator, stain: np.ndarray) -> np.ndarray:
    """Beer-Lambert law: light = lamp * exp(-density @ stain), with this picture's lamp and batch of stain."""
    density = _STAIN_DENSITY.copy()
    density[0] += rng.uniform(0, 0.8) ** 2 * (_ALKALINE_EOSIN - density[0])
    density *= rng.lognormal(0, 0.15, (3, 1)) * rng.lognormal(0, 0.05, (3, 3))
    green = rng.uniform(0.84, 1.0)
    lamp = rng.uniform(0.82, 1.02) * np.array([1.0, green, green * rng.uniform(0.75, 1.04)])
    absorbed = np.einsum("sc,syx->cyx", density.astype(np.float32), stain)
    return lamp.astype(np.float32)[:, None, None] * np.exp(-absorbed)


def _illumination(rng: np.random.Generator, size: int) -> np.ndarray:
    """Lamp off its axis (a linear slope) and vignette (a quadratic fall-off): 1 in the middle."""
    axis = np.linspace(-0.5, 0.5, size, dtype=np.float32)
    y, x = axis[:, None], axis[None, :]
    slope_y, slope_x, vignette = rng.uniform([-0.12, -0.12, 0.08], [0.12, 0.12, 0.3]).astype(np.float32)
    return 1 + slope_y * y + slope_x * x - vignette * (y**2 + x**2)


def _expose(rng: np.random.Generator, light: np.ndarray) -> np.ndarray:
    """Camera noise, variance = gain * light + read**2, then eight bits."""
    gain, read = rng.uniform(1e-4, 4e-4), rng.uniform(0.003, 0.008)
    deviation = np.sqrt(np.float32(gain) * light + np.float32(read**2))
    noisy = light + deviation * rng.standard_normal(light.shape, dtype=np.float32)
    return np.rint(255 * np.clip(noisy, 0, 1)).astype(np.uint8)


def _average_blocks(fine: np.ndarray) -> np.ndarray:
    """Mean over the blocks of the supersampled grid: `(..., k * n, k * n)` to `(..., n, n)`."""
    k = _SUPERSAMPLING
    return sum(fine[..., row::k, column::k] for row in range(k) for column in range(k)) / np.float32(k * k)


def _majority(fine: np.ndarray) -> np.ndarray:
    """Labels that hold at least half of each block; nested thresholds keep cytoplasm between the others."""
    cell, nucleus = (_average_blocks((fine >= label).astype(np.float32)) >= 0.5 for label in (1, 2))
    return cell.astype(np.uint8) + nucleus.astype(np.uint8)
