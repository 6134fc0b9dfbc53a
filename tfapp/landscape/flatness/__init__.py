"""Flatness of the loss around a solution: sharpness, and the spectrum of the Hessian."""
