"""Cells of a synthetic blood smear: outlines, stain and labels, before light and camera.

The slide is the unit square and every length a share of its side, so the resolution does not change how large
things look. Outlines are signed distances (negative inside), which makes union, cutting and soft edges
one-line formulas. Irregularity of every kind, from the outline to the chromatin, comes from one primitive,
`smooth_noise`. Stain is an amount of (eosin, azure, methylene blue) in every pixel.
"""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Lineage:
    """One kind of white cell; lengths inside the cell are shares of its radius, pairs are (lowest, highest).

    Args:
        radius: Cell radius, as a share of the side of the slide.
        lobes: Number of nuclear lobes.
        lobe_radius: Radius of one lobe.
        arc: Distance of the lobe centres from the cell centre.
        chromatin: Amount of azure in the nucleus.
        cytoplasm: Amounts of (eosin, azure, blue) in the cytoplasm.
        granules: Amounts of (eosin, azure, blue) that a granule adds.
        grain: Size of a granule, as a share of the side of the slide.
        vacuoles: Mean number of pale bubbles in the cytoplasm.
    """

    radius: tuple[float, float]
    lobes: tuple[int, int]
    lobe_radius: tuple[float, float]
    arc: float
    chromatin: float
    cytoplasm: tuple[float, float, float]
    granules: tuple[float, float, float]
    grain: float
    vacuoles: float


# Rows: lymphocyte, monocyte, neutrophil, eosinophil, blast.
# Columns: radius, lobes, lobe radius, arc, chromatin, cytoplasm, granules, grain, vacuoles.
LINEAGES = (
    Lineage((0.15, 0.21), (1, 1), (0.68, 0.86), 0.10, 1.20, (0.10, 0.03, 0.70), (0, 0.04, 0.1), 0.020, 0.3),
    Lineage((0.21, 0.29), (2, 3), (0.38, 0.48), 0.36, 0.85, (0.15, 0.05, 0.45), (0, 0.04, 0.1), 0.012, 3.0),
    Lineage((0.18, 0.25), (2, 4), (0.22, 0.32), 0.50, 1.30, (0.35, 0.03, 0.10), (0.3, 0.1, 0), 0.011, 0.5),
    Lineage((0.19, 0.25), (2, 3), (0.28, 0.36), 0.48, 1.15, (0.45, 0.03, 0.10), (0.9, 0.06, 0), 0.013, 0.2),
    Lineage((0.21, 0.29), (1, 1), (0.66, 0.82), 0.12, 0.80, (0.10, 0.06, 0.60), (0, 0.03, 0.1), 0.020, 1.5),
)


@dataclass(frozen=True)
class Disc:
    """Where a cell lies: centre (y, x) and radius."""

    centre: np.ndarray
    radius: float

    def overlap(self, other: "Disc") -> float:
        """Sum of the radii over the centre distance: 1 where two circles touch, more where they overlap."""
        return (self.radius + other.radius) / max(np.hypot(*(self.centre - other.centre)), 1e-6)


@dataclass(frozen=True)
class RedCellTraits:
    """Traits that the red cells of one patient share: haemoglobin, depth of the pale centre, width of the edge."""

    haemoglobin: float
    pallor: float
    softness: float


@dataclass(frozen=True)
class Window:
    """The part of the slide that one object can reach; painting all of it for a small object is slow."""

    index: tuple[slice, slice]
    y: np.ndarray
    x: np.ndarray

    @classmethod
    def around(cls, disc: Disc, num_pixels: int, margin: float = 1.5) -> "Window":
        corners = disc.centre + margin * disc.radius * np.array([[-1], [1]])
        (top, left), (bottom, right) = np.clip(np.rint(corners * num_pixels), 0, num_pixels).astype(int)
        axis = pixel_centres(num_pixels)
        return cls((slice(top, bottom), slice(left, right)), axis[top:bottom], axis[left:right])

    def offset(self, point: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Vertical (height, 1) and horizontal (1, width) distance of every pixel from a point."""
        return self.y[:, None] - np.float32(point[0]), self.x[None, :] - np.float32(point[1])

    def noise(self, rng: np.random.Generator, grain: float) -> np.ndarray:
        return smooth_noise(rng, self.y, self.x, grain)


class Slide:
    """A square field of the smear on a grid of `num_pixels` by `num_pixels`.

    Attributes:
        stain: Amounts of eosin, azure and blue, float32, shape `(3, num_pixels, num_pixels)`. Planes come
            first because arithmetic over a last axis of three is several times slower.
        labels: 0 background, 1 cytoplasm, 2 nucleus, uint8, shape `(num_pixels, num_pixels)`.
    """

    def __init__(self, num_pixels: int) -> None:
        self.num_pixels = num_pixels
        self.stain = np.zeros((3, num_pixels, num_pixels), np.float32)
        self.labels = np.zeros((num_pixels, num_pixels), np.uint8)

    def lay(self, window: Window, cover: np.ndarray, stain: np.ndarray, opacity: float) -> None:
        """Put an object on top; `opacity` is the share of what lies below that it hides."""
        below = self.stain[(slice(None), *window.index)]
        if opacity:
            below *= 1 - np.float32(opacity) * cover
        below += cover * stain


def pixel_centres(num_pixels: int) -> np.ndarray:
    return (np.arange(num_pixels, dtype=np.float32) + 0.5) / num_pixels


def smooth_noise(rng: np.random.Generator, y: np.ndarray, x: np.ndarray, grain: float) -> np.ndarray:
    """Gaussian random field of mean 0 and variance 1 whose correlation length is `grain`.

    White noise on a lattice of pitch `grain` is spread by a Gaussian along each axis, five knots per pixel:
    far cheaper than filtering at full resolution. Not a matrix product, because the threads of a linear
    algebra library would fight for the cores with a training that runs at the same time.

    Args:
        rng: Source of the lattice values.
        y: Increasing vertical coordinates, shape `(height,)`.
        x: Increasing horizontal coordinates, shape `(width,)`.
        grain: Correlation length in the unit of `y` and `x`, positive.

    Returns:
        float32 array, shape `(height, width)`.
    """
    rows, columns = _knots(y, grain), _knots(x, grain)
    lattice = rng.standard_normal((columns[0].max() + 1, rows[0].max() + 1), dtype=np.float32)
    # Rows come last: gathering whole rows of a contiguous array is the fast direction.
    return _spread(np.ascontiguousarray(_spread(lattice, *columns).T), *rows)


def _knots(axis: np.ndarray, grain: float) -> tuple[np.ndarray, np.ndarray]:
    """The five lattice knots next to every pixel, shape `(5, pixels)`, and their weights."""
    position = (axis / np.float32(grain)) - np.float32(np.floor(axis[0] / grain) - 2)
    knots = np.rint(position).astype(int) + np.arange(-2, 3)[:, None]
    weights = np.exp(-((position - knots.astype(np.float32)) ** 2))
    # A unit norm gives every pixel variance 1, wherever it falls between the knots.
    return knots, weights / np.sqrt((weights**2).sum(axis=0))


def _spread(lattice: np.ndarray, knots: np.ndarray, weights: np.ndarray) -> np.ndarray:
    return sum(weight[:, None] * lattice[knot] for knot, weight in zip(knots, weights, strict=True))


def lay_plasma(rng: np.random.Generator, slide: Slide) -> None:
    axis = pixel_centres(slide.num_pixels)
    film = rng.uniform(0.02, 0.12) * (1 + 0.4 * smooth_noise(rng, axis, axis, 0.2))
    slide.stain += _dye(film, (1, 0.1, 0.6))


def lay_red(
    rng: np.random.Generator, slide: Slide, disc: Disc, traits: RedCellTraits, opacity: float
) -> None:
    """A red cell: a disc with a pale centre and a darker rim. Where it is opaque, it takes the label too."""
    window = Window.around(disc, slide.num_pixels, margin=1.4)
    distance = _ellipse(rng, window, disc, elongation=0.12)
    distance += np.float32(0.05 * disc.radius) * window.noise(rng, 0.8 * disc.radius)
    depth = 1 + distance / np.float32(disc.radius)  # 0 at the centre, 1 at the edge
    pallor = traits.pallor * rng.uniform(0.5, 1.1) * np.exp(-((depth / rng.uniform(0.35, 0.6)) ** 4))
    rim = 0.25 * np.exp(-(((depth - 0.88) / 0.12) ** 2))
    amount = (
        traits.haemoglobin * rng.uniform(0.85, 1.15) * (1 - pallor + rim + 0.05 * window.noise(rng, 0.03))
    )
    slide.lay(window, _coverage(distance, traits.softness), _dye(amount, (1, 0, 0)), opacity)
    if opacity:
        slide.labels[window.index][distance < 0] = 0


def lay_white(rng: np.random.Generator, slide: Slide, lineage: Lineage, disc: Disc) -> None:
    """A white cell: textured cytoplasm around a lobed nucleus, either of which may be holed or bubbly."""
    window = Window.around(disc, slide.num_pixels)
    cell = _ellipse(rng, window, disc, elongation=0.14)
    cell += np.float32(rng.uniform(0.02, 0.09) * disc.radius) * window.noise(rng, 0.4 * disc.radius)
    nucleus = _lobes(rng, window, lineage, disc)
    # A rim of cytoplasm always remains: it is thin in life too, but never absent.
    nucleus = np.maximum(nucleus, cell + np.float32(rng.uniform(0.012, 0.022)))
    nucleus = _punch_holes(rng, window, nucleus)

    inside = _coverage(nucleus, 0.008)
    stain = (1 - inside) * _cytoplasm_stain(rng, window, lineage, cell)
    stain += inside * _chromatin_stain(rng, window, lineage, nucleus)
    slide.lay(window, _coverage(cell, rng.uniform(0.006, 0.02)), stain, opacity=1)
    labels = slide.labels[window.index]
    labels[cell < 0] = 1
    labels[nucleus < 0] = 2


def lay_platelet(rng: np.random.Generator, slide: Slide, disc: Disc) -> None:
    """A platelet or a speck of precipitate: stained like a nucleus, yet background."""
    window = Window.around(disc, slide.num_pixels, margin=2.5)
    # Never on a white cell: there nobody could tell it from nucleus.
    if slide.labels[window.index].any():
        return
    distance = _ellipse(rng, window, disc, elongation=0.3)
    distance += np.float32(0.25 * disc.radius) * window.noise(rng, 0.7 * disc.radius)
    amount = rng.uniform(0.4, 1.0) * (1 + 0.4 * window.noise(rng, 0.01))
    slide.lay(window, _coverage(distance, 0.01), _dye(amount, (0.2, 1, 0.4)), opacity=0.8)


def _lobes(rng: np.random.Generator, window: Window, lineage: Lineage, disc: Disc) -> np.ndarray:
    """Signed distance to a nucleus: lobes on an arc around the cell centre, strung together by strands."""
    num_lobes = rng.integers(*lineage.lobes, endpoint=True)
    angles = rng.uniform(0, 2 * np.pi) + rng.uniform(1.0, 1.9) * np.arange(num_lobes)
    arms = lineage.arc * disc.radius * rng.uniform(0.75, 1.25, (num_lobes, 1))
    centres = disc.centre + arms * np.stack([np.sin(angles), np.cos(angles)], axis=1)
    radii = disc.radius * rng.uniform(*lineage.lobe_radius, num_lobes)
    parts = [_ellipse(rng, window, Disc(*lobe), elongation=0.2) for lobe in zip(centres, radii, strict=True)]
    for start, end in zip(centres[:-1], centres[1:], strict=True):
        parts.append(_strand(window, start, end, disc.radius * rng.uniform(0.06, 0.14)))
    distance = _smooth_union(parts, 0.05 * disc.radius)
    return distance + np.float32(0.035 * disc.radius) * window.noise(rng, 0.25 * disc.radius)


def _punch_holes(rng: np.random.Generator, window: Window, nucleus: np.ndarray) -> np.ndarray:
    """Holes through which cytoplasm shows, each closed by nucleus all around."""
    for _ in range(rng.poisson(0.9)):
        radius = rng.uniform(0.016, 0.034)
        rows, columns = np.nonzero(nucleus < -(radius + 0.018))
        if len(rows):
            chosen = rng.integers(len(rows))
            centre = np.array([window.y[rows[chosen]], window.x[columns[chosen]]])
            hole = _ellipse(rng, window, Disc(centre, radius), elongation=0.25)
            hole += np.float32(0.12 * radius) * window.noise(rng, 1.2 * radius)
            nucleus = np.maximum(nucleus, -hole)
    return nucleus


def _cytoplasm_stain(
    rng: np.random.Generator, window: Window, lineage: Lineage, cell: np.ndarray
) -> np.ndarray:
    strength = rng.uniform(0.35, 1.2) * (1 + 0.18 * window.noise(rng, 0.06) + 0.12 * window.noise(rng, 0.014))
    strength += rng.uniform(0, 0.5) * np.exp(-((cell / np.float32(0.012)) ** 2))
    for _ in range(rng.poisson(lineage.vacuoles)):
        bubble = Disc(np.array([rng.choice(window.y), rng.choice(window.x)]), rng.uniform(0.008, 0.018))
        strength *= 1 - 0.8 * _coverage(_ellipse(rng, window, bubble, elongation=0.1), 0.01)
    granules = rng.uniform(0.4, 1.2) * np.clip(window.noise(rng, lineage.grain), 0, 1.5)
    return _dye(strength, lineage.cytoplasm) + _dye(granules, lineage.granules)


def _chromatin_stain(
    rng: np.random.Generator, window: Window, lineage: Lineage, nucleus: np.ndarray
) -> np.ndarray:
    clumps = 1 + 0.16 * window.noise(rng, 0.035) + 0.14 * window.noise(rng, 0.013)
    membrane = 0.15 * np.exp(-((nucleus / np.float32(0.012)) ** 2))
    amount = lineage.chromatin * rng.uniform(0.7, 1.15) * np.clip(clumps + membrane, 0.3, 1.6)
    return _dye(amount, (0.15, 1, 0.1))


def _dye(amount: np.ndarray, mixture: tuple[float, float, float]) -> np.ndarray:
    """One stain plane for each part of the mixture: `(height, width)` to `(3, height, width)`."""
    return np.multiply.outer(np.float32(mixture), amount.astype(np.float32, copy=False))


def _ellipse(rng: np.random.Generator, window: Window, disc: Disc, elongation: float) -> np.ndarray:
    """Signed distance to a turned ellipse with the area of the disc; exact for a circle, close otherwise."""
    angle, squeeze = rng.uniform(0, np.pi), np.float32(1 + rng.uniform(0, elongation))
    cos, sin = np.float32(np.cos(angle)), np.float32(np.sin(angle))
    dy, dx = window.offset(disc.centre)
    along, across = (dx * cos + dy * sin) / squeeze, (dy * cos - dx * sin) * squeeze
    return np.sqrt(along**2 + across**2) - np.float32(disc.radius)


def _strand(window: Window, start: np.ndarray, end: np.ndarray, radius: float) -> np.ndarray:
    """Signed distance to a straight strand with round ends."""
    dy, dx = window.offset(start)
    ty, tx = (end - start).astype(np.float32)
    share = np.clip((dy * ty + dx * tx) / (ty**2 + tx**2), 0, 1)
    return np.sqrt((dy - share * ty) ** 2 + (dx - share * tx) ** 2) - np.float32(radius)


def _smooth_union(distances: list[np.ndarray], blend: float) -> np.ndarray:
    """Union whose inner corners are rounded over the length `blend`: -b log(sum(exp(-d / b)))."""
    scale = np.float32(-1 / blend)
    # No underflow to log(0): a window spans some 60 times `blend`, and float32 reaches exp(-87).
    return np.log(sum(np.exp(scale * distance) for distance in distances)) / scale


def _coverage(distance: np.ndarray, softness: float) -> np.ndarray:
    """Share of a pixel that is inside, with an edge `softness` wide."""
    return np.clip(0.5 - distance / np.float32(softness), 0, 1)
