"""Distillation: the network of a run learns the poses that its refinement finds, and to choose among its own."""
