"""Quality of learned models, poses and instance labels: scores, rivals and errors, on arrays in metres."""
