"""The signal along a network as a picture and as a table."""

import math

import numpy as np
from matplotlib.figure import Figure

from tfapp.errors import InputError
from tfapp.landscape.propagation import Signal
from tfapp.report.colours import qualitative
from tfapp.report.figures import save_png
from tfapp.report.result_table import DASH, ResultTable

_PANELS = (
    ("activation", "activations, root mean square"),
    ("gradient", "gradient at the layer, norm per sample"),
    ("gain", "gain of small changes of the input"),
)


def save_signals_png(signals, path, title=None) -> None:
    """Draw activations, gradients and gains layer by layer, logarithmically, and singular values where there are any.

    Args:
        signals: dictionary from names to `Signal`s.
        path: PNG file, written by write-then-rename.
        title: line above the figure, or None.

    Raises:
        InputError: no signal.
    """
    save_png(draw_signals(signals, title), path)


def draw_signals(signals: dict[str, Signal], title=None) -> Figure:
    """Return the figure that `save_signals_png` saves."""
    if not signals:
        raise InputError("Expected at least one signal to draw. Received: none.")
    figure = Figure(figsize=(13, 4.6), layout="constrained")
    panels = figure.subplots(1, len(_PANELS))
    for axes, (name, label) in zip(panels, _PANELS, strict=True):
        for number, (key, signal) in enumerate(signals.items()):
            values = np.array([getattr(layer, name) for layer in signal.layers])
            shown = np.where(np.isfinite(values) & (values > 0), values, np.nan)
            axes.plot(
                range(1, len(shown) + 1), shown, ".-", color=qualitative(number), lw=1.2, ms=4, label=key
            )
            if name == "gain":
                _draw_spectra(axes, signal, qualitative(number))
        axes.set(xlabel="layer", title=label, yscale="log")
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.grid(alpha=0.3)
    if len(signals) > 1:
        figure.legend(*panels[0].get_legend_handles_labels(), loc="outside right upper", frameon=False)
    if title:
        figure.suptitle(title)
    return figure


def _draw_spectra(axes, signal, colour):
    """Shade from the tenth to the ninetieth percentile of the singular values, with the largest as a line."""
    rows = [
        (place, *np.percentile(layer.singular_values, (10, 90)), layer.singular_values[0])
        for place, layer in enumerate(signal.layers, 1)
        if layer.singular_values is not None and layer.singular_values[0] > 0
    ]
    if len(rows) < 2:
        return
    places, low, high, largest = np.array(rows).T
    axes.fill_between(places, np.maximum(low, high * 1e-4), high, color=colour, alpha=0.12, lw=0)
    axes.plot(places, largest, ":", color=colour, lw=0.9)


def signal_table(signal: Signal) -> ResultTable:
    """Return a row for each layer."""
    header = (
        *("layer", "kind", "shape", "activation", "gradient", "of its weights", "gain"),
        *("singular values", "always 0"),
    )
    rows = [
        (
            layer.name,
            layer.kind,
            "x".join(map(str, layer.shape)),
            *(_number(x) for x in (layer.activation, layer.gradient, layer.parameters, layer.gain)),
            _spectrum(layer.singular_values),
            f"{layer.silent:.0%}",
        )
        for layer in signal.layers
    ]
    return ResultTable(header, rows)


def rates_table(signals: dict[str, Signal]) -> ResultTable:
    """Return a row for each signal: the factor of each measure from one layer with a kernel to the next."""
    rows = [
        (name, *(_number(signal.rate(measure)) for measure, _ in _PANELS), " ".join(signal.sentences()))
        for name, signal in signals.items()
    ]
    return ResultTable(
        ("network", "activations", "gradients, backwards", "gain", "what there is to say"), rows
    )


def _number(value):
    return f"{value:.3g}" if math.isfinite(value) else (DASH if math.isnan(value) else "infinite")


def _spectrum(values):
    if values is None:
        return DASH
    # What is smaller is rounding.
    shown = [
        value if value > 1e-12 * values[0] else 0.0 for value in (values[0], np.median(values), values[-1])
    ]
    return " … ".join(f"{value:.3g}" for value in shown)
