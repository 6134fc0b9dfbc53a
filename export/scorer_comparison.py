"""Compare the scores of a session with the expected ones."""

from tfapp.export.comparison import compare_labelled, shape_failure


def compare_scores(request, outputs, tolerance):
    """Compare the `outputs` of a scorer with `request.expected`.

    Scores may differ by `tolerance`. Labels must be equal wherever the expected best class leads by more than twice
    that; elsewhere a difference within the tolerance may already swap the two.

    Args:
        request: `Request` with expected outputs.
        outputs: Arrays by alias.
        tolerance: Largest accepted absolute difference.

    Returns:
        Tuple of the largest difference of a score (float or None), the share of equal labels (float or None) and a
        failure sentence (or None).
    """
    failure = shape_failure(request.expected, outputs)
    if failure:
        return None, None, failure
    return compare_labelled("scores", request.expected, outputs, tolerance)
