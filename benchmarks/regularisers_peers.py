"""Graph cuts and a dense CRF from other packages, which label the same logits in a process of their own, on request.

PyMaxflow (GPL, P. Marquez-Neila): Y. Boykov, O. Veksler, R. Zabih, "Fast Approximate Energy Minimization via Graph
Cuts", PAMI 2001: expansions and swaps on the Potts model of four neighbours, until no move lowers the energy.
pydensecrf2 (MIT), the code of P. Krähenbühl, V. Koltun, "Efficient Inference in Fully Connected CRFs with Gaussian Edge
Potentials", NeurIPS 2011: ten steps of mean field with the Gaussian kernel of positions, as no contender sees an image.
"""

import time

import numpy as np
from harness import PeerProcess, Requests

NEEDS = {"alpha expansion": ("maxflow",), "alpha-beta swap": ("maxflow",), "dense CRF": ("pydensecrf",)}
# Standard deviations of the kernel of positions of the dense CRF, in pixels.
WIDTHS = (1.0, 2.0, 4.0)
MEAN_FIELD_STEPS = 10


class InOwnProcess(PeerProcess):
    """A contender in a process of its own: called, it returns the seconds per image and the label maps of images.

    Args:
        name: A key of `NEEDS`.
        threads: Of its operations; both packages take one.
        case: `Case` of `regularisers_task`.
    """

    def __init__(self, name, threads, case):
        logits = {split: [pair[0][0] for pair in getattr(case, split)] for split in ("validation", "test")}
        self.shapes = WIDTHS if name == "dense CRF" else (None,)
        super().__init__(__file__, threads, name, logits)

    def __call__(self, split, weight, shape):
        return super().__call__((split, weight, shape))


def alpha_expansion(logits, weight, _, move="aexpansion_grid"):
    """Return the labels (height, width) that no expansion improves."""
    from maxflow import fastmin

    classes = logits.shape[-1]
    # It has float64 and contiguous arrays only.
    unary = np.ascontiguousarray(_costs(logits).astype(np.float64))
    return getattr(fastmin, move)(unary, weight * (1.0 - np.eye(classes)))


def alpha_beta_swap(logits, weight, shape):
    """Return the labels (height, width) that no swap improves."""
    return alpha_expansion(logits, weight, shape, move="abswap_grid")


def dense_crf(logits, weight, width):
    """Return the most probable labels (height, width) after the steps of mean field."""
    from pydensecrf.densecrf import DenseCRF2D

    height, breadth, classes = logits.shape
    crf = DenseCRF2D(breadth, height, classes)
    crf.setUnaryEnergy(np.ascontiguousarray(_costs(logits).reshape(-1, classes).T))
    crf.addPairwiseGaussian(sxy=width, compat=weight)
    return np.argmax(np.asarray(crf.inference(MEAN_FIELD_STEPS)), axis=0).reshape(height, breadth)


def _costs(logits):
    """Return -log softmax, float32."""
    largest = logits - logits.max(axis=-1, keepdims=True)
    return np.log(np.exp(largest).sum(axis=-1, keepdims=True)) - largest


LABELLED = {"alpha expansion": alpha_expansion, "alpha-beta swap": alpha_beta_swap, "dense CRF": dense_crf}


def serve():
    requests = Requests()
    _, name, images = requests.arguments
    while True:
        split, weight, shape = requests.wait()
        start = time.perf_counter()
        found = [LABELLED[name](logits, weight, shape) for logits in images[split]]
        seconds = (time.perf_counter() - start) / len(found)
        requests.answer((seconds, [labels.astype(np.int32) for labels in found]))


if __name__ == "__main__":
    serve()
