"""Other people's ways of measuring a point of a surface.

loss-landscapes: M. De Bernardi, PyPI 3.0.6, its `random_plane` over the same network in PyTorch, in a process of its
own, because the threads of PyTorch and of TensorFlow would get into each other's way. It measures its grid point by
point, each on request, so that both sides can be timed in turn. landscapeviz (A. de Luca) is not on PyPI; its loop
is reimplemented here: `set_weights`, `evaluate`, `set_weights`.
"""

import time

from harness import PeerProcess, Requests

NEEDS = ("loss_landscapes", "torch")


def random_plane(size, x, y, threads, points):
    """Return a `PeerProcess` that measures the next point of a `random_plane`.

    Each answer is a dictionary: the seconds of the point, and of a plain forward pass right after it.

    Args:
        size: `Size` of the network.
        x, y: Images and targets, float32 (images, side, side, 1).
        threads: Of PyTorch.
        points: How many will be asked for, at most.
    """
    return PeerProcess(__file__, threads, size.base_width, size.depth, x, y, points)


def set_weights_and_evaluate(model, u, v, x, y, alpha, beta):
    """Return the loss at one point as landscapeviz measures it, and put the weights back."""
    solution = model.get_weights()
    model.set_weights([w + alpha * a + beta * b for w, a, b in zip(solution, u, v, strict=True)])
    loss = model.evaluate(x, y, batch_size=len(x), verbose=0)
    model.set_weights(solution)
    return loss


def serve():
    """Measure a grid, one point on every request."""
    requests = Requests()
    import torch
    from loss_landscapes import random_plane
    from loss_landscapes.metrics import Loss

    threads, base_width, depth, x, y, points = requests.arguments
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    model = torch_unet(base_width, depth).eval()
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
            requests.answer({"random_plane": seconds, "its plain forward": forward})
            self.wait()
            return loss

        def wait(self):
            requests.wait()
            self.start = time.perf_counter()

    # Without a copy the package would move the weights of the plain forward pass too.
    random_plane(model, OnRequest(mse, x, y), steps=int(points**0.5) + 1, deepcopy_model=True)


def torch_unet(base_width, depth):
    """Return the U-Net of `landscape.py` in PyTorch: one channel to one, linear at its end.

    Args:
        base_width: Filters of the first level; each of the `depth` levels below has twice as many.
        depth: Number of levels below the first.
    """
    import torch
    from torch import nn

    def convolve_twice(channels, filters):
        first = nn.Conv2d(channels, filters, 3, padding=1), nn.ReLU(inplace=True)
        return nn.Sequential(*first, nn.Conv2d(filters, filters, 3, padding=1), nn.ReLU(inplace=True))

    class UNet(nn.Module):
        def __init__(self):
            super().__init__()
            widths = [base_width << level for level in range(depth + 1)]
            self.down = nn.ModuleList(
                convolve_twice(*pair) for pair in zip([1, *widths], widths, strict=False)
            )
            pairs = list(zip(widths[1:], widths, strict=False))[::-1]
            self.up = nn.ModuleList(nn.ConvTranspose2d(low, high, 2, stride=2) for low, high in pairs)
            self.merge = nn.ModuleList(convolve_twice(2 * high, high) for _, high in pairs)
            self.scores = nn.Conv2d(base_width, 1, 1)

        def forward(self, features):
            skips = []
            for block in self.down[:-1]:
                skips.append(block(features))
                features = nn.functional.max_pool2d(skips[-1], 2)
            features = self.down[-1](features)
            for up, merge in zip(self.up, self.merge, strict=True):
                features = merge(torch.cat([skips.pop(), up(features)], 1))
            return self.scores(features)

    return UNet()


if __name__ == "__main__":
    serve()
