"""torchvision's features of regions and suppression of boxes, timed in a process of its own, on request."""

import time

from harness import PeerProcess, Requests

NEEDS = ("torch", "torchvision")


def peer(threads, *arguments):
    """Return a `PeerProcess` that answers a name of `KINDS` with seconds and results.

    Args:
        threads: Of its operations.
        *arguments: Features float32 (batch, height, width, channels), boxes float32 (batch, count, 4) as rows y1 x1 y2
            x2, scores float32 (batch * count,), the stride, and the overlap of the suppression.
    """
    return PeerProcess(__file__, threads, *arguments)


def main():
    requests = Requests()
    threads, features, boxes, scores, stride, overlap = requests.arguments
    import torch
    import torchvision

    torch.set_num_threads(threads)
    maps = torch.tensor(features.transpose(0, 3, 1, 2)).contiguous().requires_grad_()
    # x1 y1 x2 y2, the number of the image in front.
    corners = torch.tensor(boxes[..., [1, 0, 3, 2]])
    numbers = torch.arange(len(boxes)).repeat_interleave(boxes.shape[1])[:, None].float()
    regions = torch.cat([numbers, corners.reshape(-1, 4)], dim=1)
    likely = torch.tensor(scores)

    def pooled():
        return torchvision.ops.roi_pool(maps, regions, 7, 1 / stride)

    def aligned():
        return torchvision.ops.roi_align(maps, regions, 7, 1 / stride, sampling_ratio=2, aligned=True)

    def with_gradient(function):
        maps.grad = None
        found = function()
        found.sum().backward()
        return found.detach().numpy().transpose(0, 2, 3, 1), maps.grad.numpy().transpose(0, 2, 3, 1)

    kinds = {
        "roi_pool": lambda: with_gradient(pooled),
        "roi_align": lambda: with_gradient(aligned),
        "nms": lambda: (torchvision.ops.nms(corners.reshape(-1, 4), likely, overlap).numpy(),),
    }
    while True:
        kind = requests.wait()
        start = time.perf_counter()
        found = kinds[kind]()
        requests.answer((time.perf_counter() - start, found))


if __name__ == "__main__":
    main()
