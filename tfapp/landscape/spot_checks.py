"""How far a surface that was measured in bfloat16 is from float32, at points spread over it."""

import numpy as np

from tfapp.landscape.lattice import first_stride, nodes


def spot_check(surface, evaluate_in_float32) -> dict:
    """Measure a few cells in float32 too.

    The corners and two points half-way to them: all of the first lattice, which every plan measures. And the
    solution, where the loss is least and the rounding of the layers is largest beside it.

    Args:
        surface: the `Surface`, complete.
        evaluate_in_float32: function of a list of points (alpha, beta) that yields (index, figures) for each.

    Returns:
        `points`: how many cells were compared, those where either loss is not finite left out.
        `max_deviation`: the largest |bfloat16 - float32|.
        `max_deviation_share`: that as a share of the range of the measured losses.
    """
    cells = spot_cells(surface)
    points = [(surface.alphas[i], surface.betas[j]) for i, j in cells]
    reference = np.full(len(cells), np.nan)
    for index, figures in evaluate_in_float32(points):
        reference[index] = figures["loss"]
    deviations = np.abs([surface.loss[cell] for cell in cells] - reference)
    deviations = deviations[np.isfinite(deviations)]
    largest = float(deviations.max(initial=0.0))
    span = float(np.ptp(surface.loss[surface.measured & np.isfinite(surface.loss)]))
    share = largest / span if span > 0 else 0.0
    return {"points": len(deviations), "max_deviation": largest, "max_deviation_share": share}


def spot_cells(surface) -> list[tuple[int, int]]:
    """Return at most seven measured cells (i, j), each once."""
    rows, columns = (nodes(count, first_stride(count)) for count in surface.loss.shape)
    shares = [(0, 0), (0, 1), (1, 0), (1, 1), (0.25, 0.25), (0.75, 0.25), (0.5, 0.5)]
    cells = [(_at(rows, a), _at(columns, b)) for a, b in shares]
    return [cell for cell in dict.fromkeys(cells) if surface.measured[cell]]


def _at(indices, share):
    return int(indices[round(share * (len(indices) - 1))])
