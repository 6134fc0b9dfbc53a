"""The fair baseline: total variation behind a trained network, its weight chosen on validation images."""

from tfapp.data import Noise
from tfapp.errors import InputError
from tfapp.segmentation.evaluation import EvaluationData, Segmenter, measure

WEIGHTS = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0)
CLEAN = Noise("gaussian", 0.0)


def choose_weight(run, weights=WEIGHTS, *, advance=lambda: None):
    """Return the weight lambda of converged total variation that suits a run best.

    The best one has the highest mean IoU on the run's validation images, clean and at their own size; of
    several such weights it is the smallest. The test images have no say in it.

    Args:
        run: Finished `Run` without a TV head.
        weights: The weights to choose from, >= 0.
        advance: Called after each weight, for a progress bar.

    Raises:
        InputError: For a run without validation images, or with a TV head.
    """
    items = run.items("validation")
    if not items:
        raise InputError(
            f"{run.path} has no validation images to choose lambda on; train with a --validation-share above 0."
        )
    data = EvaluationData(run, run.dataset, items)
    scores = {}
    for weight in sorted(weights):
        scores[weight] = measure(Segmenter(run, weight), data, CLEAN).mean_iou
        advance()
    return max(scores, key=scores.get)
