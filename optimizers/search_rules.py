"""Where a search takes its next sample, and what it wants to prove."""

import numpy as np

from tfapp.optimizers.samples import rounded_up

# A gradient by differences is longer than L by less than this share where L is as small as it can be.
_ROUNDING = 1e-6


class BorderRule:
    """Algorithm 1: sample the border of what the balls of radii (f_i - rho min f) / L leave uncovered.

    Args:
        rho: In [0, 1).
        tolerance: > 0: the target stays this far below min f, or a minimum of 0 would never be covered.
        gradient: From float64 (dimension,) to (dimension,), or None.
        lipschitz: L; a longer gradient is an error.
    """

    def __init__(self, rho, tolerance, gradient, lipschitz):
        self.rho, self.tolerance, self.gradient, self.lipschitz = rho, tolerance, gradient, lipschitz

    def target(self, smallest):
        """Return the lower bound to prove when `smallest` is the smallest value so far."""
        return min(self.rho * smallest, smallest - self.tolerance)

    def next_sample(self, cover, sample, target):
        """Return the sample after `sample`, or None if the cover is complete."""
        return cover.next_border(sample, self._descent(sample), target)

    def lower_bound(self, cover, target):
        """Return what is proven: the text's bound, rho min f, once all is covered, though samples may prove more."""
        return min(cover.lower_bound(), target)

    def _descent(self, sample):
        """Return the direction of minus the gradient, None where there is none."""
        if self.gradient is None:
            return None
        slope = np.asarray(self.gradient(sample.copy()), dtype=np.float64).ravel()
        if slope.shape != sample.shape or not np.isfinite(slope).all():
            raise ValueError(
                f"`gradient` must return {len(sample)} finite numbers. "
                f"Received: gradient({sample.tolist()}) = {slope.tolist()}"
            )
        length = np.linalg.norm(slope)
        if length > self.lipschitz * (1 + _ROUNDING):
            raise ValueError(
                f"`lipschitz` must be at least {rounded_up(length)}, the length of the gradient at {sample.tolist()}. "
                f"Received: lipschitz={self.lipschitz}"
            )
        return -slope / length if length > 0 else None


class LowestRule:
    """Piyavskii and Shubert: sample where the sawtooth below the function is lowest.

    Args:
        tolerance: > 0: the gap that is small enough.
    """

    def __init__(self, tolerance):
        self.tolerance = tolerance

    def target(self, smallest):
        """Return the lower bound to prove when `smallest` is the smallest value so far."""
        return smallest - self.tolerance

    def next_sample(self, cover, sample, target):
        """Return the sample after `sample`, or None if the gap is small enough."""
        return cover.next_lowest(target)

    def lower_bound(self, cover, target):
        """Return what is proven."""
        return cover.lower_bound()
