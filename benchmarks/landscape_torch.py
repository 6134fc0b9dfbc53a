"""The same U-Net in PyTorch."""

import torch
from torch import nn


class UNet(nn.Module):
    """One channel to one, two 3x3 convolutions with ReLU at every level, linear at its end.

    Args:
        base_width: Filters of the first level; each of the `depth` levels below has twice as many.
    """

    def __init__(self, base_width, depth):
        super().__init__()
        widths = [base_width << level for level in range(depth + 1)]
        self.down = nn.ModuleList(_convolve_twice(*pair) for pair in zip([1, *widths], widths, strict=False))
        pairs = list(zip(widths[1:], widths, strict=False))[::-1]
        self.up = nn.ModuleList(nn.ConvTranspose2d(low, high, 2, stride=2) for low, high in pairs)
        self.merge = nn.ModuleList(_convolve_twice(2 * high, high) for _, high in pairs)
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


def _convolve_twice(channels, filters):
    return nn.Sequential(
        nn.Conv2d(channels, filters, 3, padding=1),
        nn.ReLU(inplace=True),
        nn.Conv2d(filters, filters, 3, padding=1),
        nn.ReLU(inplace=True),
    )
