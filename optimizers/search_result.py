"""What `branch_and_prune` returns, and what it tells its callback."""

from dataclasses import dataclass

import numpy as np

from tfapp.optimizers.certificate import Certificate


@dataclass(frozen=True)
class SearchProgress:
    """Where a search stands.

    Attributes:
        evaluations: Samples so far.
        sample: float64 (dimension,), the last one.
        value: The function there.
        target: The lower bound that is to be proven, rho min f in Algorithm 1.
        lower_bound: What is proven by the samples so far; with more than one variable as far as boxes were split.
        upper_bound: min f, the smallest value so far.
    """

    evaluations: int
    sample: np.ndarray
    value: float
    target: float
    lower_bound: float
    upper_bound: float


@dataclass(frozen=True)
class SearchResult:
    """What a search found.

    Attributes:
        certificate: The `Certificate`, which holds the samples.
        targets: float64 (evaluations,), the target after each sample.
        lower_bounds: float64 (evaluations,), what was proven after each sample.
        stopped: `covered` (the target is proven), `evaluations`, `seconds` or `callback`.
    """

    certificate: Certificate
    targets: np.ndarray
    lower_bounds: np.ndarray
    stopped: str

    @property
    def minimiser(self) -> np.ndarray:
        """float64 (dimension,), the best sample."""
        return self.samples[self.values.argmin()]

    @property
    def minimum(self) -> float:
        """The function at the best sample."""
        return self.certificate.upper_bound

    @property
    def samples(self) -> np.ndarray:
        """float64 (evaluations, dimension), in the order in which they were taken."""
        return self.certificate.samples

    @property
    def values(self) -> np.ndarray:
        """float64 (evaluations,), the function at the samples."""
        return self.certificate.values

    @property
    def radii(self) -> np.ndarray:
        """float64 (evaluations,), of the removed balls around the samples."""
        return self.radii_after(len(self.values))

    def radii_after(self, count: int) -> np.ndarray:
        """Return the radii (f_i - target) / L of the first `count` balls as they were then, float64 (count,)."""
        return (self.values[:count] - self.targets[count - 1]) / self.certificate.lipschitz
