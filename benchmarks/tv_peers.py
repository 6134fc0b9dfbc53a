"""Peers from other packages, each timed in a process of its own, on request.

deepinv: J. Tachella et al., "DeepInverse: A Python package for solving imaging inverse problems with deep learning",
2025, its `TVDenoiser` (over-relaxed Chambolle-Pock). cvxpylayers: A. Agrawal et al., "Differentiable Convex
Optimization Layers", NeurIPS 2019. Their compilers and TensorFlow's do not bear each other in one process.
"""

import importlib.util
import os
import pickle
import subprocess
import sys
import time

NEEDS = {"deepinv": ("deepinv", "torch"), "cvxpylayers": ("cvxpylayers", "torch")}


def missing(name):
    """Return the packages of a peer that are not installed."""
    return [package for package in NEEDS[name] if importlib.util.find_spec(package) is None]


class Peer:
    """A peer waiting in its own process; call it for one run.

    Args:
        name: A key of `NEEDS`.
        threads: Of its operations.
        *arguments: What its function below takes.
    """

    def __init__(self, name, threads, *arguments):
        environment = {**os.environ, "OMP_NUM_THREADS": str(threads)}
        command = [sys.executable, __file__]
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(command, env=environment, stdin=pipe, stdout=pipe)
        self._say((name, threads, arguments))

    def __call__(self):
        """Run once; return the seconds it took and its answer."""
        self._say(True)
        return pickle.load(self.process.stdout)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait()

    def _say(self, what):
        pickle.dump(what, self.process.stdin)
        self.process.stdin.flush()


def deepinv(logits, weight, iterations):
    """Return a function that denoises the channels of `logits` by so many iterations."""
    import torch
    from deepinv.models import TVDenoiser

    noisy = torch.tensor(logits.transpose(0, 3, 1, 2))

    @torch.no_grad()
    def run():
        return TVDenoiser(n_it_max=iterations, crit=0.0)(noisy, ths=weight).numpy()

    return run


def cvxpylayers(logits, labels, weight):
    """Return a function that solves the anisotropic problem as a cone program and differentiates it."""
    import cvxpy as cp
    import torch
    from cvxpylayers.torch import CvxpyLayer

    side, classes = logits.shape[1], logits.shape[3]
    maps = [cp.Variable((side, side)) for _ in range(classes)]
    linear = [cp.Parameter((side, side)) for _ in range(classes)]
    tv_weight = cp.Parameter(nonneg=True)
    fit = sum(cp.sum(cp.multiply(o, a)) + cp.sum(cp.entr(a)) for o, a in zip(linear, maps, strict=True))
    variation = sum(cp.sum(cp.abs(cp.diff(a, axis=axis))) for a in maps for axis in (0, 1))
    problem = cp.Problem(cp.Minimize(tv_weight * variation - fit), [sum(maps) == 1])
    # The fastest of its solvers on this problem.
    layer = CvxpyLayer(problem, [*linear, tv_weight], maps, solver_args={"solve_method": "Clarabel"})
    target = torch.tensor(labels[0], dtype=torch.int64)[..., None]

    def run():
        o = torch.tensor(logits[0], dtype=torch.float64, requires_grad=True)
        lam = torch.tensor(weight, dtype=torch.float64, requires_grad=True)
        a = torch.stack(layer(*o.unbind(-1), lam), dim=-1)
        (-torch.log(torch.gather(a, -1, target)).mean()).backward()
        return a.detach().numpy()[None], o.grad.numpy()[None], lam.grad.item()

    return run


def serve():
    # What a solver prints must not come among the answers.
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    import torch

    name, threads, arguments = pickle.load(sys.stdin.buffer)
    torch.set_num_threads(threads)
    run = {"deepinv": deepinv, "cvxpylayers": cvxpylayers}[name](*arguments)
    while sys.stdin.buffer.peek(1):
        pickle.load(sys.stdin.buffer)
        start = time.perf_counter()
        answer = run()
        pickle.dump((time.perf_counter() - start, answer), answers)
        answers.flush()


if __name__ == "__main__":
    serve()
