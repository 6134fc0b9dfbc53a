"""Trial of where in the image the answer of a segmenter lies: a patch that changes must change the answer there."""

import numpy as np

# Standard deviation of the change of an answer, as a share of its side, up to which it counts as being in one place. A
# uniform one has 0.29; networks that look at all of the image, and new total variation, have more than 0.2.
_LOCAL = 0.16
# What the distance of the two changes may be, divided by that of an answer that covers the image. Such networks,
# trained and new ones of many kinds, had from 0.84 to 1.15; a crop to three quarters has 1.33.
_LEAST_STRETCH, _LARGEST_STRETCH = 0.6, 1.25
# Of convolutions and crops a whole number is exact, up to rounding and what little reaches far.
_EXACT = 1e-3
# How far the middle of the two changes may lie from that of the answer, as a share of its side; they had up to 0.05.
_LARGEST_SHIFT = 0.15
# Smaller images have no two patches apart.
_SMALLEST = 8


def misplacement(forward, size, channels):
    """Try a segmenter on images that differ in one patch, and return what is wrong with the place of its answer.

    Args:
        forward: Function from float32 images `(3, height, width, channels)` in [0, 1] to an answer
            `(3, rows, columns, classes)`.
        size: `(height, width)` of the trial images.
        channels: Image channels.

    Returns:
        A finding, without the name of the model in front and without a full stop, such as "answers for the middle 44x44
        of 64x64 pixels alone"; None if the answer covers the image. It also counts as covering it if a patch changes
        all of the answer or nothing, and its size is that of the image, a multiple or a whole fraction.
    """
    height, width = size
    if min(size) < _SMALLEST:
        return None
    changes, has_changed, (rows, columns) = _changes(forward, size, channels)
    if any(has_changed) and not all(has_changed):
        return f"answers for a part of an image of {width}x{height} pixels alone: what the rest shows changes nothing"
    is_plain = _is_plain(rows, height) and _is_plain(columns, width)
    axes = [] if changes is None else [_Axis(changes, axis, length) for axis, length in enumerate(size)]
    if not axes or not all(axis.is_local for axis in axes):
        untold = f"answers {columns}x{rows} for {width}x{height} pixels, and no trial tells for which of them"
        return None if is_plain else untold
    if all(axis.covers for axis in axes):
        return None
    rows, columns = (axis.extent for axis in axes)
    if any(axis.is_turned for axis in axes) or (rows, columns) == (height, width):
        return (
            f"answers at other places than those where an image of {width}x{height} pixels has what it shows"
        )
    if rows > height or columns > width:
        return f"answers for {columns}x{rows} pixels, more than the {width}x{height} of the image"
    which = "the middle" if all(axis.is_centred for axis in axes) else "a part of"
    return f"answers for {which} {columns}x{rows} of {width}x{height} pixels alone"


class _Axis:
    """How the answer lies along one axis of the image.

    Args:
        changes: Two arrays (rows, columns), the squared changes of the answer by either patch.
        axis: 0 for rows, 1 for columns.
        length: Of the image along it.
    """

    def __init__(self, changes, axis, length):
        # The first patch lies above and to the right of the second.
        ordered = changes if axis == 0 else changes[::-1]
        shares = [one.sum(1 - axis) / one.sum() for one in ordered]
        self.length, self.count = length, len(shares[0])
        positions = np.arange(self.count)
        centres = np.array([share @ positions for share in shares])
        spreads = [
            np.sqrt(share @ (positions - centre) ** 2) for share, centre in zip(shares, centres, strict=True)
        ]
        self.is_local = max(spreads) <= _LOCAL * self.count
        places = np.array([start + (side - 1) / 2 for start, side in _patches(length)])
        # Places of the answer for each pixel of the image along the axis; of one that covers it, count / length.
        self.density = (centres[1] - centres[0]) / (places[1] - places[0])
        expected = (places + 0.5) * self.count / length - 0.5
        self.shift = (centres - expected).mean() / self.count
        self.stretch = self.density * length / self.count

    @property
    def is_turned(self):
        return self.stretch < _LEAST_STRETCH

    @property
    def is_centred(self):
        return abs(self.shift) <= _LARGEST_SHIFT

    @property
    def covers(self):
        """Whether the answer covers the image."""
        if self.is_turned or not self.is_centred or self.stretch > _LARGEST_STRETCH:
            return False
        return _is_plain(self.count, self.length) or self._stride() is None

    @property
    def extent(self):
        """Pixels of the image that the answer is for."""
        return round(self.count * (self._stride() or 1 / self.density))

    def _stride(self):
        """Return the stride of the answer if it is a power of two, as of convolutions, and no resizing is seen."""
        if self.is_turned:
            return None
        stride = 2.0 ** np.round(-np.log2(self.density))
        return stride if abs(self.density * stride - 1) < _EXACT else None


def _is_plain(count, length):
    """Return whether an answer has the size of an image, a multiple, or a whole fraction but for what a stride cuts."""
    if count >= length:
        return count % length == 0
    stride = round(length / count)
    return stride > 1 and abs(length - stride * count) < stride


def _patches(length):
    """Return (start, side) of both patches along an axis, as far from the middle as each other.

    They are a power of two apart, so that networks with strides see the same in either.
    """
    apart = 2 ** int(np.log2(length / 4))
    side = max(1, apart // 2)
    first = (length - apart - side) // 2
    return (first, side), (first + apart, side)


def _changes(forward, size, channels):
    """Return the squared changes (rows, columns) of an answer by either patch, None without; whether there were any.

    And the (rows, columns) of the answer.
    """
    noise, other = np.random.default_rng(0).random((2, *size, channels), np.float32)
    dark, bright = np.zeros_like(noise), np.ones_like(noise)
    has_changed = np.zeros(2, bool)
    # A network may be blind to noise, and one that was trained to see what is bright, to what is dark.
    for ground, patch in ((noise, other), (dark, bright), (bright, dark)):
        answers = np.asarray(forward(_trial_images(ground, patch)), np.float64)
        changes = [np.square(one - answers[0]).sum(-1) for one in answers[1:]]
        shape = changes[0].shape
        if np.isfinite(changes).all():
            changed = np.array([change.any() for change in changes])
            has_changed |= changed
            if changed.all():
                return changes, has_changed, shape
    return None, has_changed, shape


def _trial_images(ground, patch):
    """Return an image and it with either patch; around and in both patches it shows the same."""
    rows, columns = (_patches(length) for length in ground.shape[:2])
    period = [second[0] - first[0] for first, second in (rows, columns)]
    places = np.ix_(*(np.arange(length) % one for length, one in zip(ground.shape, period, strict=False)))
    ground, patch = ground[places], patch[places]
    images = np.stack([ground] * 3)
    for image, (top, height), (left, width) in zip(images[1:], rows, columns[::-1], strict=True):
        inside = slice(top, top + height), slice(left, left + width)
        image[inside] = patch[inside]
    return images
