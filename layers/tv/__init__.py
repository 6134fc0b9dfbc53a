"""Layers whose output solves a total-variation problem: operators, solver, gradients, layers."""
