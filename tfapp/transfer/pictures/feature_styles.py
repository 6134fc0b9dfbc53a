"""How pictures draw each kind of features and each class, the same in all of them."""

from tfapp.transfer.materials import HIGH, LOW, OTHER, TRANSFERRED, UNTRAINED

# The colours of M. Okabe and K. Ito, which most colour-blind people tell apart, a wine red of P. Tol, and a grey.
_BLUE, _ORANGE, _GREEN, _PURPLE, _RED = "#0072b2", "#e69f00", "#009e73", "#cc79a7", "#d55e00"
_SKY, _BLACK, _YELLOW, _WINE, _GREY = "#56b4e9", "#000000", "#f0e442", "#882255", "#a8a8a8"
_CLASS_COLOURS = (_BLUE, _ORANGE, _GREEN, _PURPLE, _RED, _SKY, _BLACK, _YELLOW, _WINE, _GREY)
_ENOUGH_COLOURS = 8
# No common divisor with the number of colours: the two together repeat after seventy classes only.
_CLASS_MARKERS = ("o", "^", "s", "D", "P", "v", "X")
# The untrained network is the same network: its colour, but hollow.
FEATURE_STYLES = {
    HIGH: {"marker": "s", "color": _BLACK, "ms": 5.5},
    LOW: {"marker": "o", "color": _SKY, "ms": 6.5, "markeredgecolor": "0.25", "markeredgewidth": 0.6},
    TRANSFERRED: {"marker": "D", "color": _RED, "ms": 6},
    OTHER: {"marker": "^", "color": _GREEN, "ms": 6},
    UNTRAINED: {"marker": "D", "color": _RED, "ms": 5.5, "markerfacecolor": "white"},
}


def class_style(index, count):
    """Return colour and marker of a class, by its place among `count` classes; up to eight differ by colour alone."""
    marker = _CLASS_MARKERS[index % len(_CLASS_MARKERS)] if count > _ENOUGH_COLOURS else "o"
    return {"color": _CLASS_COLOURS[index % len(_CLASS_COLOURS)], "marker": marker}
