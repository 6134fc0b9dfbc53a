"""The embedded dataset `digits`: handwritten-like digits, drawn from a seed, nothing to download."""

from functools import lru_cache

import numpy as np
from PIL import Image, ImageDraw
from scipy.interpolate import CubicSpline

from tfapp.data.classification import ClassificationSet, ImageArray
from tfapp.data.digit_strokes import STROKES
from tfapp.errors import InputError

CLASS_NAMES = tuple("0123456789")
SIZE = 28
MIN_COUNT, COUNT = 20, 5000

# Drawing finer than the picture, then averaging, anti-aliases every edge.
_SUPERSAMPLING = 4
_LINES_PER_POINT = 6


def digits(spec, count=COUNT):
    """Return generated digits, four fifths for training and one fifth for testing, as many of each class.

    Args:
        spec: What names the dataset; it decides nothing.
        count: Number of images, at least 20.

    Raises:
        InputError: For fewer images.
    """
    if count < MIN_COUNT:
        raise InputError(f"{spec!r} asks for too little; expected digits:COUNT with COUNT >= {MIN_COUNT}.")
    num_test = count // 5
    parts = [_part(0, count - num_test), _part(1, num_test)]
    return ClassificationSet(spec, CLASS_NAMES, *parts)


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


def _part(seed, count):
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
