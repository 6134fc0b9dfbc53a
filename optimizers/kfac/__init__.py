"""Optimizers that know the Fisher matrix of a model: K-FAC and the exact natural gradient."""
