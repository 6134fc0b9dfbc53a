"""How far around a pixel a network looks: the margin with which a tile gets the labels of the whole image."""

import math
from fractions import Fraction
from typing import NamedTuple

from tfapp.layers import PadToStride
from tfapp.layers.tv.attach import call_of, inputs_of, is_functional
from tfapp.models.layer_windows import Grid, NoMargin, check_by_value, window_of


class Reach(NamedTuple):
    """What a network needs of a tile.

    Attributes:
        margin: Pixels around the part of a tile whose answer is that of the whole image, a multiple of the stride.
        stride: The multiple of pixels that tiles begin at.
    """

    margin: int
    stride: int


def reach_of(model, halo=0):
    """Return the `Reach` of a network, from its kernels, strides, dilations, poolings and enlargements.

    What the answer at a pixel depends on is followed from the answer to the image, along every path and rounded as each
    layer rounds, so that the margin is the least one that is sure.

    Args:
        model: Keras model of one image of any size (batch, height, width, channels), with one answer of its height
            and width.
        halo: Pixels around the part of a tile whose answer is needed too, by what comes behind the network.

    Returns:
        `Reach`.

    Raises:
        NoMargin: A layer needs the whole image, or what it reads is not known.

    Example:
        >>> from tfapp.models import build
        >>> reach_of(build("unet", 2, base_width=4, depth=4, head="softmax"))
        Reach(margin=96, stride=16)
    """
    if not is_functional(model):
        raise NoMargin(
            "The network is no graph of layers, so that nobody can tell which margin and stride tiles need; use "
            "`tile` off.",
            whole=True,
        )
    if None not in model.inputs[0].shape[1:3]:
        raise NoMargin(
            "The network takes images of one size, which are no tiles; use `tile` off.", whole=True
        )
    calls, answer = _calls(model)
    stride = padded_stride(model)
    margin = max(_margin(calls, answer, stride, halo, axis) for axis in (0, 1))
    for call in calls[1:]:
        check_by_value(call.operation, call.arguments)
    return Reach(margin, stride)


def padded_stride(model):
    """Return the multiple that a network mirrors its images up to, 1 if it does not; errors as `reach_of`."""
    calls, _ = _calls(model)
    strides = {call.operation.stride for call in calls if isinstance(call.operation, PadToStride)} - {1}
    if len(strides) > 1:
        raise NoMargin(
            f"The network mirrors its images up to multiples of {' and of '.join(map(str, sorted(strides)))}, one "
            "after the other, which tiles cannot; use `tile` off.",
            whole=True,
        )
    return strides.pop() if strides else 1


class _Call(NamedTuple):
    operation: object  # None for the image
    sources: tuple  # places in the list of calls
    arguments: object = None  # of Keras's graph


def _calls(model):
    """Return the calls that make the answer, with models inside the model laid open, and the place of the answer."""
    calls = [_Call(None, ())]

    def lay_open(inner, given):
        places = dict(zip(map(id, _flat(inputs_of(inner))), given, strict=True))
        nested = {}
        for tensor in _in_order(inner.outputs, places):
            operation, arguments, index = call_of(tensor)
            sources = tuple(places[id(source)] for source in arguments.keras_tensors)
            if is_functional(operation):
                if id(arguments) not in nested:
                    nested[id(arguments)] = lay_open(operation, sources)
                places[id(tensor)] = nested[id(arguments)][index]
            else:
                calls.append(_Call(operation, sources, arguments))
                places[id(tensor)] = len(calls) - 1
        return [places[id(output)] for output in inner.outputs]

    return calls, lay_open(model, [0])[0]


def _flat(inputs):
    return inputs if isinstance(inputs, list | tuple) else [inputs]


def _in_order(outputs, known):
    """Return the symbolic tensors that lead to outputs but for known ones, each behind those that it is made of."""
    order, seen, waiting = [], set(known), [(output, False) for output in outputs]
    while waiting:
        tensor, is_complete = waiting.pop()
        if is_complete:
            order.append(tensor)
        elif id(tensor) not in seen:
            seen.add(id(tensor))
            waiting.append((tensor, True))
            waiting += [(source, False) for source in call_of(tensor)[1].keras_tensors]
    return order


def _margin(calls, answer, stride, halo, axis):
    windows, grids = {}, [Grid()]
    for place, call in enumerate(calls[1:], 1):
        windows[place] = window_of(call.operation, [grids[source] for source in call.sources], axis)
        grids.append(windows[place].grid)
    scales = {grid.scale for grid in grids}
    least = math.lcm(*(scale.numerator for scale in scales))
    if any(scale.denominator > 1 for scale in scales) or stride % least:
        raise NoMargin(
            f"The network works at scales down to 1/{least} but mirrors its images up to a multiple of {stride}, so "
            "that tiles would not fit together; use `tile` off.",
            whole=True,
        )
    if grids[answer].scale != Fraction(1) or grids[answer].extra:
        raise NoMargin("The answer of the network has not the size of the image; use `tile` off.", whole=True)
    # Of a part that begins at pixel 0, and of one that ends before it: all multiples of the stride are alike.
    before = -_followed(calls, windows, answer, -halo, lambda window: window.first, min)
    behind = _followed(calls, windows, answer, halo - 1, lambda window: window.last, max) + 1
    return -(-max(before, behind, 0) // stride) * stride


def _followed(calls, windows, answer, index, end, outermost):
    """Return the outermost pixel that the value of the answer at an index depends on."""
    reached = {answer: index}
    for place in range(len(calls) - 1, 0, -1):
        if place not in reached:
            continue
        index = end(windows[place])(reached[place])
        for source in calls[place].sources:
            reached[source] = outermost(reached.get(source, index), index)
    return reached.get(0, 0)
