"""Embedded dataset `digits`: handwritten-like digits, drawn from a seed, nothing to download."""

from functools import lru_cache

import numpy as np
from PIL import Image, ImageDraw
from scipy.interpolate import CubicSpline

from tfapp.data.labelled import ClassificationSet, ImageArray
from tfapp.errors import InputError

CLASS_NAMES = tuple("0123456789")
SIZE = 28
MIN_COUNT, COUNT, MAX_COUNT = 20, 5000, 1_000_000

# Drawing finer than the picture, then averaging, anti-aliases every edge.
_SUPERSAMPLING = 4
_LINES_PER_POINT = 6


def digits(spec, count=COUNT):
    """Return generated digits, four fifths for training and one fifth for testing, as many of each class.

    Args:
        spec: What names the dataset; it decides nothing.
        count: Number of images, from 20 to 1,000,000: they are kept in memory.

    Raises:
        InputError: For fewer or more images.
    """
    if count > MAX_COUNT:
        raise InputError(f"{spec!r} asks for too much; expected digits:COUNT with COUNT <= {MAX_COUNT:,}.")
    if count < MIN_COUNT:
        raise InputError(f"{spec!r} asks for too little; expected digits:COUNT with COUNT >= {MIN_COUNT}.")
    num_test = count // 5
    return ClassificationSet(spec, CLASS_NAMES, _drawn(0, count - num_test), _drawn(1, num_test))


def generate_digit(seed, index):
    """Draw one digit of class `index % 10`.

    The pen passes points as people put them, in one of several ways to write the digit, each point displaced at
    random; the digit is slanted, turned, stretched and shifted, written with a pen of some width and ink of some
    darkness, and the picture has a little noise.

    Args:
        seed: Non-negative integer that names the dataset.
        index: Non-negative integer that names the picture within it.

    Returns:
        uint8 (28, 28), 0 for paper, which depends on the two arguments alone.
    """
    rng = np.random.default_rng([seed, index])
    ways = STROKES[index % len(STROKES)]
    strokes = [np.array(stroke, float) / 100 for stroke in ways[rng.integers(len(ways))]]
    place = _placement(rng)
    width = rng.uniform(1.3, 3.4)
    canvas = Image.new("L", (SIZE * _SUPERSAMPLING,) * 2)
    for stroke in _displaced(rng, strokes):
        _draw(canvas, place(_smooth(stroke)), width)
    ink = np.asarray(canvas.reduce(_SUPERSAMPLING), float) * rng.uniform(0.75, 1.0)
    return np.clip(np.rint(ink + rng.normal(0, 6, ink.shape)), 0, 255).astype(np.uint8)


def _drawn(seed, count):
    images = np.stack([generate_digit(seed, index) for index in range(count)])
    return ImageArray(images[..., None], (np.arange(count) % len(STROKES)).astype(np.int32))


def _displaced(rng, strokes):
    # Strokes that meet still meet: a point is displaced by where it is, not by its turn.
    wave = rng.uniform(1.0, 4.0, (2, 2, 2))
    phase = rng.uniform(0, 2 * np.pi, (2, 2))
    strength = rng.uniform(0.0, 0.055)
    for points in strokes:
        angles = np.einsum("pk,dwk->pdw", points, wave) * 2 + phase
        yield points + strength * np.sin(angles).sum(-1) + rng.normal(0, 0.012, points.shape)


def _placement(rng):
    """Return a function from points of a digit, in its height, to pixels."""
    turn, slant = rng.normal(0, 0.12), rng.normal(0.1, 0.18)
    height, aspect = rng.uniform(15, 21), rng.uniform(0.75, 1.25)
    rotation = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    matrix = height * rotation @ np.array([[aspect, -slant], [0, 1]])
    centre = SIZE / 2 + rng.normal(0, 1.2, 2)
    return lambda points: (points - (0.35, 0.5)) @ matrix.T + centre


def _smooth(points):
    return _interpolation(len(points)) @ points


@lru_cache
def _interpolation(num_points):
    """Return the matrix from the points of a stroke to those of the cubic spline through them."""
    times = np.linspace(0, 1, _LINES_PER_POINT * (num_points - 1) + 1)
    return CubicSpline(np.linspace(0, 1, num_points), np.eye(num_points))(times)


def _draw(canvas, points, width):
    draw, radius = ImageDraw.Draw(canvas), _SUPERSAMPLING * width / 2
    points = [tuple(point) for point in _SUPERSAMPLING * points]
    draw.line(points, fill=255, width=round(2 * radius))
    # Round ends and joints.
    for x, y in points:
        draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=255)


# Of each digit the ways to write it, each a sequence of strokes; a point is (x, y) in hundredths of the height of the
# digit, y downwards. A new stroke begins where the pen leaves the paper or turns sharply.
STROKES = (
    (
        (((35, 0), (10, 18), (3, 55), (14, 90), (37, 100), (61, 84), (67, 45), (57, 14), (33, 1)),),
        (((52, 6), (28, 2), (7, 28), (5, 68), (24, 98), (54, 92), (68, 58), (62, 22), (40, 3), (30, 8)),),
    ),
    (
        (((35, 0), (35, 50), (35, 100)),),
        (((13, 25), (28, 13), (40, 0)), ((40, 0), (39, 50), (38, 100))),
        (((14, 24), (28, 12), (38, 0)), ((38, 0), (37, 50), (36, 100)), ((10, 100), (36, 100), (64, 99))),
    ),
    (
        (((6, 24), (26, 1), (56, 8), (60, 34), (36, 68), (4, 99)), ((4, 99), (34, 98), (68, 96))),
        (((8, 20), (32, 0), (60, 16), (50, 52), (24, 86), (5, 92), (8, 76), (34, 84), (70, 98)),),
    ),
    (
        (
            ((7, 12), (32, 0), (58, 14), (54, 36), (26, 47)),
            ((26, 47), (58, 57), (63, 81), (38, 100), (4, 89)),
        ),
        (
            ((6, 3), (34, 2), (62, 2)),
            ((62, 2), (44, 22), (28, 40)),
            ((28, 40), (62, 52), (62, 84), (34, 100), (4, 92)),
        ),
    ),
    (
        (((14, 2), (10, 28), (7, 54)), ((7, 54), (36, 55), (68, 50)), ((56, 5), (53, 50), (50, 100))),
        (((52, 0), (27, 35), (2, 66)), ((2, 66), (36, 66), (70, 64)), ((52, 0), (51, 50), (50, 100))),
        (((12, 4), (9, 36), (24, 52), (48, 44), (58, 4)), ((58, 4), (55, 52), (51, 100))),
    ),
    (
        (
            ((15, 2), (12, 22), (9, 43)),
            ((9, 43), (36, 33), (63, 52), (59, 84), (34, 100), (3, 90)),
            ((15, 2), (40, 2), (66, 0)),
        ),
        (((66, 2), (36, 0), (16, 8), (12, 34), (36, 42), (62, 62), (54, 92), (26, 100), (4, 88)),),
    ),
    (
        (((50, 0), (22, 24), (6, 62), (15, 93), (40, 100), (63, 82), (54, 58), (29, 54), (8, 74)),),
        (((26, 0), (12, 36), (9, 74), (26, 99), (54, 94), (62, 70), (40, 56), (13, 72)),),
    ),
    (
        (((4, 5), (35, 3), (66, 2)), ((66, 2), (45, 46), (27, 100))),
        (((4, 8), (35, 4), (64, 3)), ((64, 3), (46, 46), (30, 100)), ((18, 52), (38, 50), (60, 49))),
        (((6, 16), (6, 5), (36, 4), (66, 3)), ((66, 3), (50, 38), (38, 100))),
    ),
    (
        (
            (
                (56, 14),
                (33, 0),
                (10, 15),
                (20, 38),
                (48, 58),
                (62, 80),
                (37, 100),
                (9, 84),
                (20, 60),
                (47, 39),
                (58, 18),
            ),
        ),
        (
            ((35, 46), (10, 26), (32, 0), (58, 22), (35, 46)),
            ((35, 46), (6, 74), (34, 100), (64, 74), (35, 46)),
        ),
    ),
    (
        (
            ((60, 22), (39, 2), (11, 16), (9, 42), (35, 51), (58, 34), (61, 14)),
            ((61, 14), (60, 55), (50, 100)),
        ),
        (
            ((58, 20), (34, 0), (8, 24), (26, 50), (54, 36), (60, 18)),
            ((60, 18), (64, 60), (46, 94), (12, 96)),
        ),
    ),
)
