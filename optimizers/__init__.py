"""Optimizers of tfapp; they need TensorFlow, Keras, NumPy and SciPy only, nothing else of the package."""

from tfapp.optimizers.adaptive import AdaptiveOptimizer
from tfapp.optimizers.alig import ALIG
from tfapp.optimizers.base import LossAwareOptimizer
from tfapp.optimizers.bpgrad import BPGrad
from tfapp.optimizers.branch_and_prune.certificate import Certificate
from tfapp.optimizers.branch_and_prune.search import SearchResult, branch_and_prune
from tfapp.optimizers.catalogue import SOLVERS, SWEEPS, Solver, make_solver
from tfapp.optimizers.eve import Eve
from tfapp.optimizers.lipschitz import LipschitzEstimate, estimate_lipschitz
from tfapp.optimizers.loss_scaling import unwrapped

__all__ = [
    "ALIG",
    "AdaptiveOptimizer",
    "BPGrad",
    "Certificate",
    "Eve",
    "LipschitzEstimate",
    "LossAwareOptimizer",
    "SOLVERS",
    "SWEEPS",
    "SearchResult",
    "Solver",
    "branch_and_prune",
    "estimate_lipschitz",
    "make_solver",
    "unwrapped",
]
