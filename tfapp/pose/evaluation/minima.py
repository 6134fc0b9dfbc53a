"""Places of a learned model on the part that are as near, or nearly: whether its registration is ambiguous."""

from dataclasses import dataclass

import numpy as np

from tfapp.pose.evaluation.frames import PlacedModel

# Frames nearer than this, radians and share of the part's extent, count as one.
_ANGLE, _LENGTH = np.radians(20), 0.1
# Of each handedness, beside the best; minima of parts with many symmetries are found many times.
_MOST = 6
# Which of two minima is nearer by less than this changes from one training to the next.
_AS_NEAR = 1.1
# Share of the extent that counts as no distance at all.
_NOTHING = 0.001


@dataclass(frozen=True, eq=False)
class Minimum(PlacedModel):
    """A local minimum of the registration that is another one than the best.

    Attributes:
        angle: By which the rotations of all poses would be others, radians from 0 to pi, over the symmetries of the
            part; None for the mirror image of a part that is not its own.
        length: By which the translations of all poses would be others, metres.
        as_near: Whether the model is as near here: farther by less than 10 %, both by the sum of the mean distances
            and from model to part alone.
    """

    angle: float | None
    length: float
    as_near: bool


def other_minima(best, places, refine, symmetries, extent) -> tuple[Minimum, ...]:
    """Return the minima that are really other poses: farther than 20 degrees or 10 % of the part's extent.

    Args:
        best: `PlacedModel` that was taken.
        places: `ModelFrame`s near minima, of one handedness each, the nearest first.
        refine: Function from one of them to the `PlacedModel` at its minimum.
        symmetries: `Symmetries` of the part.
        extent: Largest side of the part, metres.

    Returns:
        The nearest first, each other than the ones before.
    """
    chosen = []
    for reflected in (False, True):
        alike = [place for place in places if place.reflected == reflected]
        chosen += _different(best, alike, symmetries, extent)[:_MOST]
    found = sorted((refine(place) for place in chosen), key=lambda placed: placed.distance)
    kept = _different(best, found, symmetries, extent)
    return tuple(_minimum(best, one, symmetries, extent) for one in kept)


def _different(best, frames, symmetries, extent):
    """Return the frames that differ from the best and from all before them."""
    left, kept, last = list(frames), [], best
    while left:
        angles, lengths = last.differences(left, symmetries)
        # The angle to a mirror image is no number.
        far = ~(angles <= _ANGLE) | (lengths > _LENGTH * extent)
        left = [frame for frame, is_far in zip(left, far, strict=True) if is_far]
        if left:
            last = left[0]
            kept.append(last)
            left = left[1:]
    return kept


def _minimum(best, found, symmetries, extent):
    (angle,), (length,) = best.differences([found], symmetries)
    to_part = _AS_NEAR * best.learned_to_cad.mean + _NOTHING * extent
    return Minimum(
        **vars(found),
        angle=None if np.isnan(angle) else float(angle),
        length=float(length),
        as_near=found.distance < _AS_NEAR * best.distance and found.learned_to_cad.mean < to_part,
    )
