"""Images that are labelled tile by tile: where tiles lie, and the answers of a network to them, band by band."""

from functools import cached_property
from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf

from tfapp.data.windows import ArrayWindows, mirrored_window
from tfapp.errors import InputError
from tfapp.layers.tv.attach import call_of, inputs_of, is_functional
from tfapp.layers.tv.layer import TVLayer
from tfapp.models.layer_windows import NoMargin, halo_of
from tfapp.models.reach import Reach, padded_stride, reach_of

# Beyond these pixels `auto` cuts: a U-Net of base width 16 takes .55 GiB a megapixel, 2.3 GiB of such an image.
WHOLE_PIXELS = 2048 * 2048
# Sides of the tiles of `auto`: the second where the margin would leave less than half of the first.
AUTO_SIDES = (1024, 2048)
AUTO, OFF = "auto", "off"


class Tiling(NamedTuple):
    """How images are cut.

    Attributes:
        side: Pixels along a side of the square that goes through the network at once, a multiple of the stride.
        margin: Pixels at each of its sides whose answer is not used, but at the border of the image.
        stride: The multiple of pixels that tiles begin at.
        halo: Pixels within the margin whose logits a TV head looks at.
    """

    side: int
    margin: int
    stride: int
    halo: int = 0

    @property
    def step(self):
        """Pixels along a side of the part whose answer is used."""
        return self.side - 2 * self.margin

    def spans(self, length):
        """Return the `Span`s of the tiles along one side of an image of so many pixels."""
        missing = -length % self.stride
        padded, before = length + missing, missing // 2
        found = []
        for begin in range(0, padded, self.step):
            end = min(begin + self.step, padded)
            seen = max(begin - self.margin, 0) - before, min(end + self.margin, padded) - before
            used = max(begin - before, 0), min(end - before, length)
            needed = max(begin - before - self.halo, 0), min(end - before + self.halo, length)
            if used[0] < used[1]:
                found.append(Span(used, needed, seen))
        return found

    def count(self, size):
        """Return how many tiles an image of (height, width) has."""
        return len(self.spans(size[0])) * len(self.spans(size[1]))


def by_tiles(progress, name, count):
    """Return the task of `Progress` for the tiles of an image of this name."""
    return progress.task(", ".join(filter(None, (name, "by tiles"))), count, passing=True)


class Span(NamedTuple):
    """Where a tile lies along one side of an image: pairs of positions in the image, each end exclusive.

    Attributes:
        used: What is taken of its answer.
        needed: That, and what a TV head looks at, which ends at the border of the image.
        seen: What the network sees; beyond the image up to the next multiple of the stride, shared between both sides.
    """

    used: tuple[int, int]
    needed: tuple[int, int]
    seen: tuple[int, int]

    def parts(self):
        """Return the slice of what is needed in what is seen, and of what is used in what is needed."""
        return tuple(
            slice(inner[0] - outer[0], inner[1] - outer[0])
            for inner, outer in ((self.needed, self.seen), (self.used, self.needed))
        )


class Remark(NamedTuple):
    """What is not as it seems with the answer to an image.

    Attributes:
        sentence: It, for a person.
        is_inexact: Whether the answer may differ from that to the whole image.
    """

    sentence: str
    is_inexact: bool


class TiledNetwork:
    """A network that answers large images tile by tile, and small ones whole.

    Args:
        model: Keras model from images (1, height, width, channels) of any size to answers of that size.
        channels: Channels of the images.
        tile: `auto` to cut images of more than `WHOLE_PIXELS` where that gives the answer to the whole image; pixels of
            a side of the tiles, margins included, to cut all that are larger; `off` for whole images.
        margin: Pixels that tiles overlap the used part at each side; None for what the layers of the network need.

    Raises:
        InputError: For another `tile`, one that does not hold the margin, or a network that cannot work by tiles.
    """

    def __init__(self, model, channels, tile=AUTO, margin=None):
        self._side = tile_side(tile)
        if margin is not None and margin < 0:
            raise InputError(f"`margin` must be at least 0 pixels; got {margin}.")
        self._tiling, self._model, self._channels = None, model, channels
        # Why tiles may be answered otherwise than the whole image, and why `auto` makes none.
        self._inexact = self._uncut = None
        if self._side == OFF:
            return
        try:
            self._tiling = self._made(model, margin)
        except NoMargin as error:
            if self._side != AUTO:
                raise
            self._uncut = f"Images go through the network whole, whatever their size. {error}"

    def tiling(self, size):
        """Return the `Tiling` of an image of (height, width), or None if it is not cut."""
        if self._tiling is None or max(size) <= self._tiling.side:
            return None
        if self._side == AUTO and size[0] * size[1] <= WHOLE_PIXELS:
            return None
        return self._tiling

    def remark(self, size):
        """Return the `Remark` on an image of (height, width), or None: the one rule for whoever tells or keeps answers.

        It is for images that are cut with a margin that somebody gave, and for those that would be cut but cannot be.
        """
        if self.tiling(size) is not None:
            return Remark(self._inexact, True) if self._inexact else None
        if self._uncut and size[0] * size[1] > WHOLE_PIXELS:
            return Remark(self._uncut, False)
        return None

    def whole(self, image):
        """Return the answer (height, width, classes) to an image float32 (height, width, channels)."""
        return self._whole(image[None])[0]

    def joined(self, image, progress, name="", finish=lambda answer: answer):
        """Return the answer to an image, by tiles if it is cut.

        Args:
            image: float32 (height, width, channels).
            progress: `Progress` that the tiles are reported to.
            name: Of the image, for the progress.
            finish: As of `bands`.

        Returns:
            Array (height, width, ...).
        """
        size = image.shape[:2]
        tiling = self.tiling(size)
        if tiling is None:
            return finish(np.asarray(self.whole(image)))
        joined = None
        with by_tiles(progress, name, tiling.count(size)) as task:
            for begin, band in self.bands(ArrayWindows(image), tiling, task.advance, finish):
                if joined is None:
                    joined = np.empty((*size, *band.shape[2:]), band.dtype)
                joined[begin : begin + len(band)] = band
        return joined

    def bands(self, source, tiling, advance=lambda: None, finish=lambda answer: answer):
        """Yield (first row, answer) of bands of an image from the top: the answers to its tiles, put together.

        The image is mirrored up to a multiple of the stride first, as `PadToStride` does with the whole one. The answer
        to a tile is then that to the whole image wherever the margin holds all that the network looks at. A TV
        head is given the logits up to the border of the image and no further, where its total variation ends.

        Args:
            source: Reader of parts of the image, as `tfapp.data.windows.open_windows` yields it.
            tiling: `Tiling`.
            advance: Called after each tile.
            finish: Function from the answer of a part (height, width, classes) to what is kept of it, an array
                (height, width, ...).

        Yields:
            The row that a band begins at, and the band (rows, width, ...).
        """
        height, width = source.size
        columns = tiling.spans(width)
        for rows in tiling.spans(height):
            band = None
            for across in columns:
                seen = mirrored_window(source, *rows.seen, *across.seen)
                kept = finish(self._answered(seen, rows, across))
                if band is None:
                    band = np.empty((rows.used[1] - rows.used[0], width, *kept.shape[2:]), kept.dtype)
                band[:, slice(*across.used)] = kept
                advance()
            yield rows.used[0], band

    def _answered(self, seen, rows, columns):
        """Return what is used of the answer to a tile, of which the network sees `seen`."""
        (needed_rows, used_rows), (needed_columns, used_columns) = rows.parts(), columns.parts()
        answer = self._body(seen[None])[:, needed_rows, needed_columns]
        if self._parts[1] is not None:
            # From half precision, as the layer itself does.
            guide = (seen[None][:, needed_rows, needed_columns],) if self._parts[2] else ()
            answer = self._head(tf.cast(answer, tf.float32), *guide)
        return np.asarray(answer[0, used_rows, used_columns])

    def _made(self, model, margin):
        body, head, is_guided = _without_tv_head(model)
        halo, own_end = _halo(head, margin, is_guided)
        reach, unknown = _reach(body, halo, margin)
        stride = reach.stride
        chosen = reach.margin if margin is None else -(-margin // stride) * stride
        if own_end:
            halo = max(chosen - reach.margin, 0)
        self._inexact = own_end or unknown
        if chosen < reach.margin:
            self._inexact = narrow_margin(chosen, reach.margin)
        side = self._side if self._side != AUTO else _automatic_side(chosen)
        self._parts = body, head, is_guided
        return checked_tiling(side, chosen, stride, min(halo, chosen))

    # Traced when they are called first: of small images, and of large ones, the others are not needed.

    @cached_property
    def _whole(self):
        return compiled(self._model, self._channels)

    @cached_property
    def _body(self):
        return compiled(self._parts[0], self._channels)

    @cached_property
    def _head(self):
        body, head, is_guided = self._parts
        if is_guided:
            return compiled(_guided(head), body.output_shape[-1], self._channels)
        return compiled(head, body.output_shape[-1])


def checked_tiling(side, margin, stride, halo=0):
    """Return the `Tiling` of tiles of so many pixels along a side; `InputError` if they do not hold their margins."""
    tiling = Tiling(side // stride * stride, margin, stride, halo)
    if tiling.step < stride:
        raise InputError(
            f"`tile` {side} is too small: the network has a margin of {margin} pixels at each side and works in "
            f"steps of {stride}; expected at least {2 * margin + stride}, better twice that."
        )
    return tiling


def narrow_margin(margin, needed):
    """Return the sentence on a margin of fewer pixels than the network needs."""
    return (
        f"With a `margin` of {margin} pixels labels at the edges of tiles may differ from those of the whole image; "
        f"the network needs {needed}."
    )


class TilingNeeds(NamedTuple):
    """What tiles need for the answer to the whole image.

    Attributes:
        stride: The multiple of pixels that they begin at.
        margin: Pixels that they overlap what is used of them at each side.
        tv_head: Whether a TV head ends at the border of what it is given, which must then be that of the image.
    """

    stride: int
    margin: int
    tv_head: bool


def needs_of(model):
    """Return the `TilingNeeds` of a network, None if it cannot work by tiles, or what it looks at is not known."""
    try:
        body, head, is_guided = _without_tv_head(model)
        halo, _ = _halo(head, None, is_guided)
        reach, _ = _reach(body, halo, None)
    except NoMargin:
        return None
    return TilingNeeds(reach.stride, reach.margin, head is not None)


def tile_side(tile):
    """Return `auto`, `off` or a number of pixels of what was given for `tile`, a number or text."""
    text = str(tile).strip().lower()
    if text in (AUTO, OFF):
        return text
    if text.isascii() and text.isdigit() and int(text) > 0:
        return int(text)
    raise InputError(f"`tile` must be auto, off or a number of pixels of at least 1; got {tile}.")


def _without_tv_head(model):
    """Return a network without the TV layer that it ends in, on the same variables, that layer or None, and whether
    the image is the guide of that layer."""
    if is_functional(model):
        layer, arguments, _ = call_of(model.outputs[0])
        if isinstance(layer, TVLayer):
            logits, *others = arguments.keras_tensors
            is_guided = len(others) == 1 and arguments.kwargs.get("guide") is inputs_of(model)
            if is_guided or not others:
                return keras.Model(inputs_of(model), logits), layer, is_guided
    return model, None, False


def _guided(head):
    """Return the function of logits and an image that a TV layer with a guide is."""
    return lambda logits, image, training: head(logits, guide=image, training=training)


def _halo(head, margin, is_guided):
    """Return how far a TV head looks, and a sentence if that is not known and whoever gives a margin decides."""
    if head is None:
        return 0, None
    try:
        # The weight of an edge looks one pixel further.
        return halo_of(head) + is_guided, None
    except NoMargin:
        if margin is None:
            raise
        return 0, (
            f"The TV layer {head.name} stops by what it sees: tiles are solved one by one, and labels at their edges "
            "may differ from those of the whole image."
        )


def _reach(body, halo, margin):
    """Return the `Reach` of a network, and a sentence if it is not known and whoever gives a margin decides."""
    try:
        return reach_of(body, halo), None
    except NoMargin as error:
        if error.whole or margin is None:
            raise
        remark = f"The margin that the network needs is not known; labels are as right as {margin} pixels of it are."
        return Reach(halo, padded_stride(body)), remark


def _automatic_side(margin):
    small, large = AUTO_SIDES
    if 4 * margin <= small:
        return small
    if 8 * margin <= 3 * large:  # the part that is used is a sixteenth of the tile, or more
        return large
    raise NoMargin(
        f"The network looks so far around a pixel, {margin} pixels, that tiles of {large} would be margins mostly; "
        f"choose a `tile` of {4 * margin} or so if there is memory for it, or a smaller `margin`, with which labels "
        "at the edges of tiles may differ.",
        whole=False,
    )


def compiled(model, *channels):
    """Return a network, or a layer, as a graph function of images, each float32 (1, height, width, channels)."""
    # As a graph: called eagerly, Keras holds every feature map to the end, twice the memory of a photo.
    return tf.function(
        lambda *images: model(*images, training=False),
        input_signature=[tf.TensorSpec((1, None, None, count), tf.float32) for count in channels],
        autograph=False,
    ).get_concrete_function()
