"""How good learned models, poses and instance labels are: scores, rivals and errors, on arrays in metres."""
