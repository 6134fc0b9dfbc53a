"""Exact global search of a Lipschitz function by branch and prune (Wu, 2020, chapter 3)."""
