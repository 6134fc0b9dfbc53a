"""How often what has a probability is there: the reliability of served probabilities, as a picture."""

from matplotlib.figure import Figure

from tfapp.report.colours import RED
from tfapp.report.figures import save_png


def save_calibration_png(result, path) -> None:
    """Draw the share of test images with a class against the probability that they were given for it.

    Args:
        result: `FeatureResult`, or its entry in `metrics.json`, with a calibration.
        path: PNG file, written by write-then-rename.
    """
    save_png(draw_calibration(result["calibration"], result["calibration_error"]), path)


def draw_calibration(rows, error) -> Figure:
    """Return the figure that `save_calibration_png` saves.

    Args:
        rows: (mean probability, share of images with the class, number) of bins, as `calibration_error` gives them.
        error: Expected calibration error, from 0 to 1.
    """
    figure = Figure(figsize=(4.8, 4.6), layout="constrained")
    panel = figure.subplots()
    panel.plot([0, 100], [0, 100], color="0.6", lw=1, label="right")
    given, shares, counts = zip(*rows, strict=True)
    panel.plot(
        [100 * one for one in given], [100 * one for one in shares], "o-", color=RED, lw=1.4, label="ours"
    )
    for x, y, count in zip(given, shares, counts, strict=True):
        panel.annotate(
            f"{count:.0f}", (100 * x, 100 * y), (4, -10), textcoords="offset points", fontsize=8, color="0.35"
        )
    panel.set(xlim=(-3, 103), ylim=(-3, 103), aspect="equal")
    panel.set_xlabel("probability, %")
    panel.set_ylabel("test images with the class, %")
    panel.set_title(f"expected calibration error {100 * error:.1f} %", fontsize=11)
    panel.grid(alpha=0.3)
    panel.legend(frameon=False)
    return figure
