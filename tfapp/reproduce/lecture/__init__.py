"""The lecture notes: deep networks, why they train, how they are trained."""
