"""Covers: what samples of a Lipschitz function prove, exactly on an interval, by branch and bound on a box."""

import numpy as np

_RIGHT = np.ones(1)
# An undecided box of this share of the smallest radius is sampled rather than split: the new ball will hold it.
_FINEST = 0.25
# The lowest box is sampled once its own size accounts for no more than this share of the gap, else it is split:
# half of this share saves a tenth of the samples and costs twice the boxes.
_OWN_SHARE = 0.5
# Boxes whose bounds lie within this share of the gap above the lowest are split with it: whole arrays are cheap.
_TOGETHER = 0.1
# What one call may spend on splitting, less than a second: boxes, and distances of their corners from samples.
_MOST_BOXES, _MOST_DISTANCES = 50_000, 10_000_000
# Distances that are held at a time; more leave the processor's cache.
_CHUNK = 30_000
# Sides of this share of the whole are rounding: what is not proven then touches the target.
_LEAST_SIDE = 1e-12
# Shorter gaps, as a share of the line, are the rounding of two borders that meet.
LEAST_GAP = 1e-12
# A direction that leans less than this to a wall does not lead there.
_LEAST_LEAN = 1e-12


class LineCover:
    """Samples of an L-Lipschitz function of one variable, and the sawtooth below it.

    The sawtooth max_i (f_i - L |x - x_i|) is nowhere above the function (Piyavskii, 1972; Shubert, 1972). It is at
    least `target` exactly where a ball around a sample, of radius (f_i - target) / L, reaches.

    Args:
        low, high: float64 (1,), the ends of the interval.
        lipschitz: L > 0.
    """

    def __init__(self, low, high, lipschitz):
        self.low, self.high, self.lipschitz = low, high, lipschitz
        self._x, self._values = np.empty(0), np.empty(0)

    def add(self, sample, value):
        """Take in f(sample) = value; `sample` is float64 (1,)."""
        place = np.searchsorted(self._x, sample[0])
        self._x = np.insert(self._x, place, sample[0])
        self._values = np.insert(self._values, place, value)

    def next_border(self, sample, descent, target):
        """Return the border of the uncovered set nearest to `sample`, on the side of `descent` if there is one.

        Args:
            sample: float64 (1,).
            descent: float64 (1,), of length 1: minus the gradient; or None for the nearer side.
            target: The lower bound that is to be proven.

        Returns:
            float64 (1,), or None if the interval is covered.
        """
        balls = self._x[:, None], self._radii(target)
        borders = [
            first_border(sample, side, *balls, self.low, self.high)
            for side in ((_RIGHT, -_RIGHT) if descent is None else (descent, -descent))
        ]
        found = [border for border in borders if border is not None]
        if descent is None:
            found.sort(key=lambda border: abs(border[0] - sample[0]))
        return found[0] if found else None

    def next_lowest(self, target):
        """Return where the sawtooth is lowest, float64 (1,), or None if it is nowhere below `target`."""
        places, depths = self._teeth()
        lowest = depths.argmin()
        return places[lowest : lowest + 1] if depths[lowest] < target else None

    def tighten(self, target, own_share=0.5):
        """Do nothing: the bounds are exact."""

    def lower_bound(self):
        """Return the minimum of the sawtooth."""
        return float(self._teeth()[1].min())

    def proves(self, target):
        """Return whether the samples prove f >= target."""
        return self.lower_bound() >= target

    def covered_share(self, target):
        """Return the share of the interval where the sawtooth is at least `target`, in [0, 1]."""
        width = (self.high - self.low)[0]
        removed = removed_intervals(self.low, _RIGHT, self._x[:, None], self._radii(target))
        return 1.0 - float(np.diff(uncovered_gaps(removed, width)).sum() / width)

    def _radii(self, target):
        return np.maximum(self._values - target, 0.0) / self.lipschitz

    def _teeth(self):
        """Return where neighbouring slopes meet, and at which height; the ends of the interval included."""
        x, values, slope = self._x, self._values, self.lipschitz
        places = (x[1:] + x[:-1]) / 2 + (values[:-1] - values[1:]) / (2 * slope)
        depths = (values[1:] + values[:-1]) / 2 - slope * np.diff(x) / 2
        ends = [values[0] - slope * (x[0] - self.low[0]), values[-1] - slope * (self.high[0] - x[-1])]
        places = np.concatenate([self.low, places, self.high])
        return places.clip(self.low, self.high), np.concatenate([ends[:1], depths, ends[1:]])


class BoxCover:
    """Samples of an L-Lipschitz function, and boxes for each of which they prove a lower bound.

    In a box no point is farther from sample i than the box's farthest corner, at distance d_i, so that
    f >= max_i (f_i - L d_i) in all of it. A box with a bound of at least the target is settled for good: it lies
    wholly in the ball of radius (f_i - target) / L around one sample, and targets only fall. The others, the open
    boxes, are halved across their longest side where that is needed. When none is open the whole box is proven.

    One more sample costs one distance per open box, one more box one distance per sample. The number of boxes grows
    exponentially with the dimension.

    Args:
        low, high: float64 (dimension,), corners of the box.
        lipschitz: L > 0.
    """

    def __init__(self, low, high, lipschitz):
        self.low, self.high, self.lipschitz = low, high, lipschitz
        self._lows, self._highs = low[None], high[None]
        # Per open box: the proven bound, and the sawtooth max_i (f_i - L |x - x_i|) at its centre.
        self._bounds, self._centre_values = np.full(1, -np.inf), np.full(1, -np.inf)
        self._samples, self._values = np.empty((0, len(low))), np.empty(0)
        self._lowest_settled = np.inf
        self.num_boxes = 1

    def add(self, sample, value):
        """Take in f(sample) = value; `sample` is float64 (dimension,)."""
        self._samples = np.vstack([self._samples, sample])
        self._values = np.append(self._values, value)
        bounds, centre_values = self._proven(self._lows, self._highs, sample[None], np.array([value]))
        self._bounds = np.maximum(self._bounds, bounds)
        self._centre_values = np.maximum(self._centre_values, centre_values)

    def next_border(self, sample, descent, target):
        """Return a point on the border of the uncovered set.

        The first one on the ray from `sample` along `descent`; if there is none, one on the way to the nearest box
        whose centre is uncovered, of those on the descending side if there are any.

        Args:
            sample: float64 (dimension,), a sample.
            descent: float64 (dimension,), of length 1: the direction of minus the gradient; or None.
            target: The lower bound that is to be proven.

        Returns:
            float64 (dimension,), or None if the box is covered. Where the open boxes are too small to be worth
            splitting and none has an uncovered centre, the centre of the nearest.
        """
        self._settle(target)
        radii = np.maximum(self._values - target, 0.0) / self.lipschitz
        balls = self._samples, radii, self.low, self.high
        border = None if descent is None else first_border(sample, descent, *balls)
        if border is not None:
            return border
        budget, finest = self._split_budget(), _FINEST * radii.min()
        while len(self._bounds):
            coarse = self._half_diagonals() > finest
            uncovered = self._centre_values < target
            if uncovered.any() or not coarse.any() or self.num_boxes > budget:
                return self._towards_nearest(sample, descent, uncovered, balls)
            self._split(coarse)
            self._settle(target)
        return None

    def next_lowest(self, target):
        """Return the centre of the box with the lowest bound, or None if no bound is below `target`."""
        self.tighten(target)
        return self._centres()[self._bounds.argmin()] if len(self._bounds) else None

    def tighten(self, target, own_share=_OWN_SHARE):
        """Split the lowest boxes until the bound is at least `target`, or nearly that of the sawtooth.

        Args:
            target: The lower bound that is to be proven.
            own_share: How much of the gap the size of the lowest box may account for, in (0, 1).
        """
        self._settle(target)
        budget, upper_bound = self._split_budget(), self._values.min()
        while len(self._bounds) and self.num_boxes <= budget:
            gap = upper_bound - self._bounds.min()
            coarse = self.lipschitz * self._half_diagonals() > own_share * gap
            if not coarse[self._bounds.argmin()]:
                return
            self._split(coarse & (self._bounds <= self._bounds.min() + _TOGETHER * gap))
            self._settle(target)

    def lower_bound(self):
        """Return the lowest bound of all boxes, the settled ones included."""
        return float(min(self._bounds.min(initial=np.inf), self._lowest_settled))

    def proves(self, target):
        """Return whether the samples prove f >= target; boxes are split for as long as it takes to tell."""
        self._settle(target)
        least = _LEAST_SIDE * (self.high - self.low)
        while len(self._bounds):
            if (self._centre_values < target).any() or (self._highs - self._lows < least).all(axis=1).any():
                return False
            self._split(np.ones(len(self._bounds), bool))
            self._settle(target)
        return bool(self._lowest_settled >= target)

    def covered_share(self, target):
        """Return the share of the volume for which `target` is proven, in [0, 1].

        A lower bound of it: boxes that may hold proven points are split, the largest first, within limits.
        """
        self._settle(target)
        budget = self._split_budget()
        while self.num_boxes <= budget:
            sizes = self._half_diagonals()
            crossed = self._centre_values + self.lipschitz * sizes > target
            if not crossed.any():
                break
            self._split(crossed & (sizes > 0.75 * sizes[crossed].max()))
            self._settle(target)
        return 1.0 - float(((self._highs - self._lows) / (self.high - self.low)).prod(axis=1).sum())

    def _split_budget(self):
        return self.num_boxes + min(_MOST_BOXES, _MOST_DISTANCES // len(self._samples))

    def _centres(self):
        return (self._lows + self._highs) / 2

    def _half_diagonals(self):
        return np.linalg.norm(self._highs - self._lows, axis=1) / 2

    def _towards_nearest(self, sample, descent, uncovered, balls):
        """Return the first border on the way from a sample to the nearest open box, an uncovered one if possible."""
        ways = self._centres() - sample
        wanted = uncovered if uncovered.any() else np.ones_like(uncovered)
        if descent is not None and (wanted & (ways @ descent > 0)).any():
            wanted = wanted & (ways @ descent > 0)
        way = ways[wanted][(ways[wanted] ** 2).sum(axis=1).argmin()]
        border = first_border(sample, way / np.linalg.norm(way), *balls) if uncovered.any() else None
        return sample + way if border is None else border

    def _settle(self, target):
        """Take the boxes out of which `target` is proven."""
        settled = self._bounds >= target
        if settled.any():
            self._lowest_settled = min(self._lowest_settled, self._bounds[settled].min())
            self._keep(~settled)

    def _keep(self, mask):
        self._lows, self._highs = self._lows[mask], self._highs[mask]
        self._bounds, self._centre_values = self._bounds[mask], self._centre_values[mask]

    def _split(self, mask):
        """Halve the boxes of a mask across their longest sides."""
        lows, highs = _halves(self._lows[mask], self._highs[mask])
        bounds, centre_values = self._proven(lows, highs, self._samples, self._values)
        self._keep(~mask)
        self._lows, self._highs = np.vstack([self._lows, lows]), np.vstack([self._highs, highs])
        self._bounds = np.append(self._bounds, bounds)
        self._centre_values = np.append(self._centre_values, centre_values)
        self.num_boxes += len(lows)

    def _proven(self, lows, highs, samples, values):
        """Return max_i (f_i - L d_i) for the farthest corners and for the centres of boxes."""
        bounds, centre_values = np.empty(len(lows)), np.empty(len(lows))
        step = max(1, _CHUNK // len(samples))
        for start in range(0, len(lows), step):
            part = slice(start, start + step)
            to_corners, to_centres = _distances(lows[part], highs[part], samples)
            bounds[part] = (values - self.lipschitz * to_corners).max(axis=1)
            centre_values[part] = (values - self.lipschitz * to_centres).max(axis=1)
        return bounds, centre_values


def _distances(lows, highs, samples):
    """Return the distances (boxes, samples) of samples from the boxes' farthest corners and from their centres."""
    to_corners = to_centres = 0.0
    # A loop over the few coordinates: arrays with a short last axis are several times slower.
    for low, high, coordinate in zip(lows.T, highs.T, samples.T, strict=True):
        offsets = np.abs(coordinate - ((low + high) / 2)[:, None])
        to_centres = to_centres + offsets**2
        to_corners = to_corners + (offsets + ((high - low) / 2)[:, None]) ** 2
    return np.sqrt(to_corners), np.sqrt(to_centres)


def _halves(lows, highs):
    rows, longest = np.arange(len(lows)), (highs - lows).argmax(axis=1)
    middles = (lows + highs)[rows, longest] / 2
    left_highs, right_lows = highs.copy(), lows.copy()
    left_highs[rows, longest] = right_lows[rows, longest] = middles
    return np.vstack([lows, right_lows]), np.vstack([left_highs, highs])


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
