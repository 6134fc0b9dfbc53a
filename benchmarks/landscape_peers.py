"""Other people's ways of measuring a point of a surface.

loss-landscapes: M. De Bernardi, PyPI 3.0.6, its `random_plane` over the same network in PyTorch, in a process of its
own, because the threads of PyTorch and of TensorFlow would get into each other's way. It measures its grid point by
point, each on request, so that both sides can be timed in turn. landscapeviz (A. de Luca) is not on PyPI; its loop
is reimplemented here: `set_weights`, `evaluate`, `set_weights`.
"""

import importlib.util
import os
import pickle
import subprocess
import sys
import time

NEEDS = ("loss_landscapes", "torch")


def missing():
    """Return the packages of loss-landscapes that are not installed."""
    return [package for package in NEEDS if importlib.util.find_spec(package) is None]


class RandomPlane:
    """A `random_plane` waiting in its own process; call it for the next point.

    Args:
        size: `Size` of the network.
        x, y: Images and targets, float32 (images, side, side, 1).
        threads: Of PyTorch.
        points: How many will be asked for, at most.
    """

    def __init__(self, size, x, y, threads, points):
        # Threads that spin while they wait would take the processor from the other side.
        environment = {**os.environ, "OMP_NUM_THREADS": str(threads), "OMP_WAIT_POLICY": "PASSIVE"}
        pipe = subprocess.PIPE
        self.process = subprocess.Popen([sys.executable, __file__], env=environment, stdin=pipe, stdout=pipe)
        pickle.dump((size.base_width, size.depth, x, y, threads, points), self.process.stdin)

    def __call__(self):
        """Return the seconds of the next point, and of a plain forward pass right after it."""
        pickle.dump(True, self.process.stdin)
        self.process.stdin.flush()
        return pickle.load(self.process.stdout)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait()


def set_weights_and_evaluate(model, u, v, x, y, alpha, beta):
    """Return the loss at one point as landscapeviz measures it, and put the weights back."""
    solution = model.get_weights()
    model.set_weights([w + alpha * a + beta * b for w, a, b in zip(solution, u, v, strict=True)])
    loss = model.evaluate(x, y, batch_size=len(x), verbose=0)
    model.set_weights(solution)
    return loss


def serve():
    """Measure a grid, one point on every request."""
    # What a package prints must not come among the answers.
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    import torch
    from landscape_torch import UNet
    from loss_landscapes import random_plane
    from loss_landscapes.metrics import Loss

    base_width, depth, x, y, threads, points = pickle.load(sys.stdin.buffer)
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    model = UNet(base_width, depth).eval()
    x, y = (torch.tensor(array.transpose(0, 3, 1, 2)) for array in (x, y))
    mse = torch.nn.functional.mse_loss

    class OnRequest(Loss):
        """The loss of the package; says what the step to a point and its loss took, and waits."""

        start = None

        def __call__(self, wrapper):
            if self.start is None:
                self.wait()  # directions are made; the first point has no step to it
            loss = super().__call__(wrapper)
            seconds = time.perf_counter() - self.start
            start = time.perf_counter()
            with torch.no_grad():
                mse(model(x), y).item()
            forward = time.perf_counter() - start
            pickle.dump({"random_plane": seconds, "its plain forward": forward}, answers)
            answers.flush()
            self.wait()
            return loss

        def wait(self):
            if not sys.stdin.buffer.peek(1):
                raise SystemExit  # nobody asks any more
            pickle.load(sys.stdin.buffer)
            self.start = time.perf_counter()

    # Without a copy the package would move the weights of the plain forward pass too.
    random_plane(model, OnRequest(mse, x, y), steps=int(points**0.5) + 1, deepcopy_model=True)


if __name__ == "__main__":
    serve()
