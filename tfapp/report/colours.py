"""Colours that figures, pictures and pages share; those that mean one thing stand beside what draws that thing."""

# Of things of a kind that lie in one picture: networks, solutions, methods. Matplotlib's own cycle, so that figures
# that name no colours agree with those that do, and with pages.
QUALITATIVE = (
    "#1f77b4",
    "#ff7f0e",
    "#2ca02c",
    "#d62728",
    "#9467bd",
    "#8c564b",
    "#e377c2",
    "#7f7f7f",
    "#bcbd22",
    "#17becf",
)

# M. Okabe and K. Ito, "Color Universal Design" (2008), which most colour-blind people tell apart: of classes and of
# instances, which lie side by side as areas and are told apart by their colour alone.
BLACK, ORANGE, SKY, GREEN = "#000000", "#e69f00", "#56b4e9", "#009e73"
YELLOW, BLUE, RED, PURPLE = "#f0e442", "#0072b2", "#d55e00", "#cc79a7"

SEQUENTIAL = "viridis"  # Matplotlib's map of numbers: losses, depths
SOLUTION = "#d62728"  # the trained network on a loss surface


def qualitative(index) -> str:
    """Return the colour of the thing with this index, a whole number >= 0; they repeat after ten."""
    return QUALITATIVE[index % len(QUALITATIVE)]


def rgb(colour) -> tuple[int, int, int]:
    """Return red, green and blue from 0 to 255 of a colour `#rrggbb`."""
    return tuple(bytes.fromhex(colour.removeprefix("#")))
