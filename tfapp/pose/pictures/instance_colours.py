"""One colour for each instance, the same in all pictures."""

from matplotlib.colors import to_rgb

# The order and colours of M. Okabe and K. Ito, which most colour-blind people tell apart; black is left out.
_COLOURS = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#d55e00", "#56b4e9", "#f0e442")


def instance_colour(label) -> str:
    """Return the colour of an instance, a whole number >= 0; they repeat after seven."""
    return _COLOURS[label % len(_COLOURS)]


def point_colours(labels):
    """Return the colours of points by their labels, a list of (red, green, blue) in [0, 1]."""
    return [to_rgb(instance_colour(label)) for label in labels]
