"""Optimizers of tfapp; they need TensorFlow, Keras, NumPy and SciPy only, nothing else of the package."""

from tfapp.optimizers.adaptive import AdaptiveOptimizer
from tfapp.optimizers.alig import ALIG
from tfapp.optimizers.base import LossAwareOptimizer
from tfapp.optimizers.bpgrad import BPGrad
from tfapp.optimizers.branch_and_prune.certificate import Certificate
from tfapp.optimizers.branch_and_prune.search import SearchResult, branch_and_prune
from tfapp.optimizers.catalogue import SOLVERS, Solver, make_solver, solver_of
from tfapp.optimizers.epoch_rates import EpochRates
from tfapp.optimizers.eve import Eve
from tfapp.optimizers.kfac.kfac import KFAC
from tfapp.optimizers.kfac.natural_gradient import NaturalGradient
from tfapp.optimizers.lipschitz import LipschitzEstimate, estimate_lipschitz
from tfapp.optimizers.loss_scaling import unwrapped
from tfapp.optimizers.minimize import Minimum, minimize
from tfapp.optimizers.plateau_decay import PlateauDecay
from tfapp.optimizers.rate_factors import with_rate_factors
from tfapp.optimizers.rate_range_test import RateRangeTest, find_learning_rate
from tfapp.optimizers.rate_schedule import RateSchedule
from tfapp.optimizers.warm_up import WarmUp

__all__ = [
    "ALIG",
    "AdaptiveOptimizer",
    "BPGrad",
    "Certificate",
    "EpochRates",
    "Eve",
    "KFAC",
    "LipschitzEstimate",
    "LossAwareOptimizer",
    "Minimum",
    "NaturalGradient",
    "PlateauDecay",
    "RateRangeTest",
    "RateSchedule",
    "SOLVERS",
    "SearchResult",
    "Solver",
    "WarmUp",
    "branch_and_prune",
    "estimate_lipschitz",
    "find_learning_rate",
    "make_solver",
    "minimize",
    "solver_of",
    "unwrapped",
    "with_rate_factors",
]
