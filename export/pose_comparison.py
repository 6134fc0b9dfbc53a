"""Compare the poses of a session with the expected ones."""

import numpy as np

from tfapp.export.comparison import number_failure, shape_failure


def compare_poses(request, outputs, tolerance):
    """Compare the `outputs` of a pose network with `request.expected`.

    Quaternions and translations may differ by `tolerance`, reflections must be equal. A scene in which the two best
    alternatives of an instance tie within the tolerance is left out: the last bit may choose another one.

    Args:
        request: `Request` with expected outputs.
        outputs: Arrays by alias.
        tolerance: Largest accepted absolute difference.

    Returns:
        Tuple of the largest difference (None where nothing could be compared), None and a failure sentence (or None).
    """
    expected = request.expected
    failure = shape_failure(expected, outputs)
    sure = expected["decided"]
    if failure or not sure.any():
        return None, None, failure
    differences = {
        alias: float(np.abs(outputs[alias] - expected[alias])[sure].max())
        for alias in ("quaternion", "translation")
    }
    wrong = int(np.count_nonzero((outputs["reflected"] != expected["reflected"])[sure]))
    failures = (number_failure(alias, difference, tolerance) for alias, difference in differences.items())
    failure = next(filter(None, failures), None)
    return max(differences.values()), None, failure or _sign_failure(wrong)


def _sign_failure(wrong):
    return f"`reflected` expected to be equal, got {wrong} different ones" if wrong else None
