"""Peers of the TV layers from other packages, each timed in a process of its own, on request.

deepinv: J. Tachella et al., "DeepInverse: A Python package for solving imaging inverse problems with deep learning",
2025, its `TVDenoiser` (over-relaxed Chambolle-Pock). cvxpylayers: A. Agrawal et al., "Differentiable Convex
Optimization Layers", NeurIPS 2019. Their compilers and TensorFlow's do not bear each other in one process.
"""

import time

from harness import PeerProcess, Requests

NEEDS = {"deepinv": ("deepinv", "torch"), "cvxpylayers": ("cvxpylayers", "torch")}


def peer(name, threads, *arguments):
    """Return a `PeerProcess` that answers with the seconds a run took and its result.

    Args:
        name: A key of `NEEDS`.
        threads: Of its operations.
        *arguments: What its function below takes.
    """
    return PeerProcess(__file__, threads, name, *arguments)


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
    requests = Requests()
    import torch

    threads, name, *arguments = requests.arguments
    torch.set_num_threads(threads)
    run = {"deepinv": deepinv, "cvxpylayers": cvxpylayers}[name](*arguments)
    while True:
        requests.wait()
        start = time.perf_counter()
        answer = run()
        requests.answer((time.perf_counter() - start, answer))


if __name__ == "__main__":
    serve()
