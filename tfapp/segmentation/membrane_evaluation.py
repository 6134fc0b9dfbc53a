"""Membrane scores of a segmenter on its test images."""

from tfapp.errors import InputError
from tfapp.segmentation.membrane_scores import membrane_scores

MEMBRANE = "membrane"


def check_membranes(dataset):
    """Raise InputError unless a dataset has two classes of which one is called membrane."""
    if dataset.num_classes != 2 or MEMBRANE not in dataset.class_names:
        raise InputError(
            f"Membrane scores are for two classes of which one is called {MEMBRANE!r}; {dataset.spec} has "
            f"{', '.join(dataset.class_names) or 'none'}."
        )


def evaluate_membranes(segmenter, data):
    """Return the `MembraneScores` of one segmenter on the clean images, at the size of their masks.

    Args:
        segmenter: A `Segmenter`.
        data: `EvaluationData` of the same source.

    Raises:
        InputError: For other classes than membranes and cells.
    """
    check_membranes(data.dataset)
    cell = 1 - data.dataset.class_names.index(MEMBRANE)
    probabilities = (
        next(segmenter.probabilities_at(image[None], [mask.shape]))[..., cell]
        for image, mask in zip(data.images, data.masks, strict=True)
    )
    return membrane_scores((mask == cell for mask in data.masks), probabilities)
