"""How the answers of an artifact compare with the expected ones, for every kind of export."""

import io

import numpy as np
from PIL import Image

from tfapp.export.box_rows import differences, form_failure, rows_of
from tfapp.export.requests import MASKS, decided


def compare(request, outputs, tolerance):
    """Compare the `outputs` of a segmenter with `request.expected`.

    Probabilities, and the gap if there is one, may differ by `tolerance`. Labels must be equal wherever the
    expected best class leads by more than twice that; elsewhere a difference within the tolerance may already
    swap the two.

    Args:
        request: `Request` with expected outputs.
        outputs: Arrays by alias.
        tolerance: Largest accepted absolute difference.

    Returns:
        Tuple of the largest difference (float or None), the share of equal labels (float or None) and
        a failure sentence (or None).
    """
    failure = shape_failure(request.expected, outputs) or _status_failure(request.expected, outputs)
    if failure:
        return None, None, failure
    if "labels_png_bytes" in request.expected:
        return _compare_label_images(request.expected, outputs["labels_png_bytes"])
    difference, share, failure = compare_labelled("probabilities", request.expected, outputs, tolerance)
    return difference, share, failure or _gap_failure(request.expected, outputs, tolerance)


def compare_labelled(alias, expected, outputs, tolerance):
    """Compare the numbers of each class, of the given alias, and the `labels` of the largest of them.

    Args and returns as `compare`.
    """
    difference = float(np.abs(outputs[alias] - expected[alias]).max())
    failure = number_failure(alias, difference, tolerance)
    if failure:
        return difference, None, failure
    equal = outputs["labels"] == expected["labels"]
    sure = decided(expected[alias], tolerance)
    return difference, float(equal.mean()), _label_failure("labels", equal, sure)


def number_failure(alias, difference, tolerance):
    """A sentence if `difference` is beyond `tolerance`, else None."""
    # Written so that NaN fails.
    if not difference <= tolerance:
        return f"`{alias}` expected within {tolerance:g}, got a difference of {difference:.3g}"
    return None


def _gap_failure(expected, outputs, tolerance):
    if "gap" not in expected:
        return None
    return number_failure("gap", float(np.abs(outputs["gap"] - expected["gap"]).max()), tolerance)


def _compare_label_images(expected, files):
    equal, sure = [], []
    rows = zip(expected["labels_png_bytes"], expected["decided_png_bytes"], files, strict=True)
    for number, (wanted, mask, got) in enumerate(rows, start=1):
        if not wanted:
            # A file that cannot be read: no labels.
            if got:
                return (
                    None,
                    None,
                    f"image {number} of `labels_png_bytes` expected nothing, got {len(got)} bytes",
                )
            continue
        wanted, mask = decode_png(wanted), decode_png(mask)
        try:
            got = decode_png(got)
        except OSError:
            return None, None, f"image {number} of `labels_png_bytes` expected a PNG, got {bytes(got[:8])!r}"
        if wanted.shape != got.shape:
            return (
                None,
                None,
                f"image {number} of `labels_png_bytes` expected {wanted.shape}, got {got.shape}",
            )
        equal.append((wanted == got).ravel())
        sure.append((mask != 0).ravel())
    equal, sure = np.concatenate(equal), np.concatenate(sure)
    return None, float(equal.mean()), _label_failure("labels_png_bytes", equal, sure)


def _status_failure(expected, outputs):
    """A sentence if a good file has a status, or a bad one has none; the wording is free."""
    for number, wanted in enumerate(expected.get("status", ()), start=1):
        got = outputs["status"][number - 1]
        if bool(wanted) != bool(got):
            told = "a reason" if wanted else "nothing"
            return f"file {number} of `status` expected {told}, got {got.decode(errors='replace')!r}"
    return None


def _label_failure(alias, equal, sure):
    wrong = int(np.count_nonzero(sure & ~equal))
    if wrong == 0:
        return None
    return f"`{alias}` expected {equal.size} equal labels, got {wrong} different ones"


def shape_failure(expected, outputs):
    """A sentence if an output is missing, or has another shape or kind of dtype than expected, else None."""
    for alias, wanted in expected.items():
        if alias in MASKS:
            continue
        if alias not in outputs:
            return f"output `{alias}` expected, got {sorted(outputs)}"
        got = outputs[alias]
        if got.shape != wanted.shape or got.dtype.kind != wanted.dtype.kind:
            return f"`{alias}` expected {_kind(wanted)} {wanted.shape}, got {_kind(got)} {got.shape}"
    return None


def _kind(array):
    return "string" if array.dtype.kind == "S" else array.dtype.name


def decode_png(contents):
    """Pixels of a grey PNG file as an array `(height, width)`."""
    with Image.open(io.BytesIO(contents)) as image:
        return np.asarray(image)


def promise_failure(signature, outputs):
    """Compare `outputs` with the declared shapes of `signature` (see `read_signatures`).

    Returns:
        A sentence if an output has another shape or holds a number that is not finite, else None.
    """
    for tensor in signature["outputs"]:
        alias, declared, got = tensor["alias"], tensor["shape"], outputs[tensor["alias"]]
        if declared is not None and not fits(got.shape, declared):
            return f"`{alias}` expected shape {declared}, got {list(got.shape)}"
        if got.dtype.kind == "f" and not np.isfinite(got).all():
            return (
                f"`{alias}` expected finite numbers, got {np.count_nonzero(~np.isfinite(got))} that are not"
            )
    return None


def fits(shape, declared):
    """Whether `shape` has the rank of `declared` and, where that is not None, its sizes."""
    return len(shape) == len(declared) and all(
        wanted is None or size == wanted for size, wanted in zip(shape, declared, strict=True)
    )


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
    # Exports of before do not have it.
    if failure is None and "found" in expected and not np.array_equal(outputs["found"], expected["found"]):
        failure = "`found` differs: only a scene of which nothing was measured must have no pose."
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


# Numbers of refined poses that are no lengths, beside the quaternion.
REFINED_SHARES = ("shown", "confidence")
_REFINED_LENGTHS = ("translation", "residual", "margin")
# Share of the pixels of parts that must have the expected label: some lie halfway between two instances.
_EQUAL_LABELS = 0.99


def compare_refined_poses(request, outputs, tolerance):
    """Compare the `outputs` of refined poses with `request.expected`.

    Quaternions, shares and confidences may differ by `tolerance`, lengths in metres by a tenth of it; what was found
    must be equal, and the labels of 99 % of the pixels of parts. Instances that are not `decided` are left out, and
    the labels of scenes with such ones.

    Args and returns as `compare`.
    """
    expected = request.expected
    failure = shape_failure(expected, outputs)
    sure = expected["decided"]
    if failure or not sure.any():
        return None, None, failure
    differences = {
        alias: float(np.abs(outputs[alias] - expected[alias])[sure].max())
        for alias in ("quaternion", *REFINED_SHARES, *_REFINED_LENGTHS)
    }
    wrong = [
        f"`{alias}` expected to be equal, got {count} different ones"
        for alias in ("found", "reflected")
        if (count := np.count_nonzero((outputs[alias] != expected[alias])[sure]))
    ]
    numbers = [
        number_failure(alias, difference, tolerance / 10 if alias in _REFINED_LENGTHS else tolerance)
        for alias, difference in differences.items()
    ]
    share, labels = _compare_parts(expected["labels"], outputs["labels"], sure.all(-1))
    failure = next(filter(None, (*wrong, *numbers, labels)), None)
    return max(differences.values()), share, failure


def _compare_parts(expected, got, sure):
    """Return the share of equal labels of the pixels of parts of some scenes (or None), and a sentence (or None)."""
    parts = ((expected > 0) | (got > 0))[sure]
    if not parts.any():
        return None, None
    share = float((expected == got)[sure][parts].mean())
    if share >= _EQUAL_LABELS:
        return share, None
    return share, f"`labels` expected equal at {_EQUAL_LABELS:.0%} of the pixels of parts, got {share:.1%}"


def _sign_failure(wrong):
    return f"`reflected` expected to be equal, got {wrong} different ones" if wrong else None


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
    failure = shape_failure(request.expected, outputs) or _status_failure(request.expected, outputs)
    if failure:
        return None, None, failure
    difference, share, failure = compare_labelled("scores", request.expected, outputs, tolerance)
    return difference, share, failure or _probability_failure(request.expected, outputs, tolerance)


def _probability_failure(expected, outputs, tolerance):
    """A sentence if calibrated probabilities differ, or the likeliest classes are not those of theirs, else None."""
    if "probabilities" not in expected:
        return None
    for alias in ("probabilities", "top_probabilities"):
        failure = number_failure(alias, float(np.abs(outputs[alias] - expected[alias]).max()), tolerance)
        if failure:
            return failure
    labels = outputs["top_labels"]
    # Of a file that could not be read there are none.
    known = (labels >= 0) & (expected["top_labels"] >= 0)
    meant = np.take_along_axis(outputs["probabilities"], np.maximum(labels, 0), 1)
    wrong = known & ~(np.abs(meant - outputs["top_probabilities"]) <= tolerance)
    wrong |= (labels >= 0) != (expected["top_labels"] >= 0)
    if wrong.any():
        return (
            f"`top_labels` expected the classes of `top_probabilities`, got {np.count_nonzero(wrong)} others"
        )
    return None


# A corner may differ by so many pixels for each unit of the tolerance of a score: by 0.001 for float32.
_PIXELS_FOR_ONE = 100


def compare_detections(request, outputs, tolerance):
    """Compare the `outputs` of a detector with `request.expected`.

    Each image must have as many boxes as expected. They are paired so that they lie as near to each other as can be:
    of a pair the classes must be equal, scores may differ by `tolerance` and corners by 100 times that, in pixels. As
    scores fall from row to row in both answers, rows can be in another order only where their scores tie within twice
    the tolerance. An image that is not `decided`, where rounding may let other boxes be suppressed, is left out but for
    the form of its answer.

    Args and returns as `compare_scores`, without a share of labels.
    """
    expected = request.expected
    failure = shape_failure(expected, outputs) or _status_failure(expected, outputs) or form_failure(outputs)
    sure = np.flatnonzero(expected["decided"])
    if failure or not len(sure):
        return None, None, failure
    for place in sure:
        wanted, got = expected["counts"][place], outputs["counts"][place]
        if wanted != got:
            return None, None, f"`counts` of image {place + 1} expected {wanted}, got {got}"
    pixels, scores, wrong = _detection_differences(expected, outputs)
    if wrong:
        return scores, None, f"`classes` expected to be equal, got {wrong} different ones"
    failure = number_failure("scores", scores, tolerance)
    return scores, None, failure or number_failure("boxes", pixels, _PIXELS_FOR_ONE * tolerance)


def box_difference(expected, outputs):
    """Return the largest difference of a corner of boxes in pixels; None where no image can be compared.

    Args:
        expected, outputs: Arrays by alias, of detectors or of another kind.
    """
    if not {"boxes", "counts", "decided"} <= expected.keys() or shape_failure(expected, outputs):
        return None
    sure = expected["decided"]
    if not sure.any() or (expected["counts"] != outputs["counts"])[sure].any():
        return None
    return _detection_differences(expected, outputs)[0]


def _detection_differences(expected, outputs):
    """The `differences` of the images that are decided, the largest of numbers and the sum of the rest."""
    found = [
        differences(rows_of(expected, place), rows_of(outputs, place))
        for place in np.flatnonzero(expected["decided"])
    ]
    pixels, scores, wrong = zip(*found, strict=True)
    return max(pixels), max(scores), sum(wrong)
