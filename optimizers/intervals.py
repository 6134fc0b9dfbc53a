"""Parts of a straight line that balls leave uncovered, exactly: the set arithmetic of removed intervals."""

import numpy as np

# Shorter gaps, as a share of the line, are the rounding of two borders that meet.
LEAST_GAP = 1e-12
# A direction that leans less than this to a wall does not lead there.
_LEAST_LEAN = 1e-12


def removed_intervals(origin, direction, centres, radii):
    """Return what balls cut out of the line `origin + s * direction`.

    Args:
        origin: float64 (dimension,), a point of the line.
        direction: float64 (dimension,), of length 1.
        centres: float64 (balls, dimension).
        radii: float64 (balls,), >= 0.

    Returns:
        float64 (hits, 2): first and last s of each ball that meets the line, in no order.
    """
    offsets = centres - origin
    middles = offsets @ direction
    # Squared half chord; the distance of the centre from the line is not negative, whatever rounding says.
    chords = radii**2 - np.maximum((offsets**2).sum(axis=1) - middles**2, 0.0)
    hit = chords > 0
    halves = np.sqrt(chords[hit])
    return np.stack([middles[hit] - halves, middles[hit] + halves], axis=1)


def uncovered_gaps(intervals, length):
    """Return the parts of [0, length] that no interval holds, from left to right.

    Borders belong to the intervals: two that touch leave no gap.

    Args:
        intervals: float64 (n, 2), in any order, overlapping or not.
        length: > 0.

    Returns:
        float64 (gaps, 2): start and end of each gap.
    """
    ordered = intervals[np.argsort(intervals[:, 0], kind="stable")]
    reached = np.maximum.accumulate(np.concatenate([[0.0], ordered[:, 1]]))
    gaps = np.stack([reached, np.append(ordered[:, 0], length)], axis=1).clip(0.0, length)
    return gaps[gaps[:, 1] - gaps[:, 0] > LEAST_GAP * length]


def first_border(origin, direction, centres, radii, low, high):
    """Return the point where the line from `origin` in `direction` first leaves the balls, inside the box.

    Args:
        origin: float64 (dimension,), in the box.
        direction: float64 (dimension,), of length 1.
        centres: float64 (balls, dimension).
        radii: float64 (balls,), >= 0.
        low, high: float64 (dimension,), corners of the box.

    Returns:
        float64 (dimension,), or None where the line stays covered up to the wall.
    """
    moving = np.abs(direction) > _LEAST_LEAN
    walls = np.where(direction > 0, high, low)
    length = ((walls - origin)[moving] / direction[moving]).min()
    if length <= 0:
        return None
    gaps = uncovered_gaps(removed_intervals(origin, direction, centres, radii), length)
    return np.clip(origin + gaps[0, 0] * direction, low, high) if len(gaps) else None
