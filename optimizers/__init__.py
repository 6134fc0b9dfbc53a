"""Optimizers of tfapp; they need TensorFlow, Keras, NumPy and SciPy only, nothing else of the package."""

from tfapp.optimizers.alig import ALIG
from tfapp.optimizers.bpgrad import BPGrad
from tfapp.optimizers.branch_and_prune import branch_and_prune
from tfapp.optimizers.catalogue import SOLVERS, SWEEPS, Solver, make_solver
from tfapp.optimizers.certificate import Certificate
from tfapp.optimizers.eve import Eve
from tfapp.optimizers.lipschitz import estimate_lipschitz
from tfapp.optimizers.lipschitz_estimate import LipschitzEstimate
from tfapp.optimizers.loss_aware import LossAwareOptimizer
from tfapp.optimizers.pending_loss import unwrapped
from tfapp.optimizers.search_result import SearchResult

__all__ = [
    "ALIG",
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
