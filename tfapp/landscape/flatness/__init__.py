"""How flat the loss is around a solution: sharpness, and the spectrum of the Hessian."""
