"""Compare the answers of a session with the expected ones, or with what the signature promises."""

import io

import numpy as np
from PIL import Image

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
    failure = shape_failure(request.expected, outputs)
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
