"""Optimizers of tfapp; they need TensorFlow, Keras, NumPy and SciPy only, nothing else of the package."""

from tfapp.optimizers.alig import ALIG
from tfapp.optimizers.bpgrad import BPGrad
from tfapp.optimizers.eve import Eve
from tfapp.optimizers.loss_aware import LossAwareOptimizer

__all__ = ["ALIG", "BPGrad", "Eve", "LossAwareOptimizer"]
