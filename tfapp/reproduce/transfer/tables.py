"""Results of runs over seeds as the rows of table 5.2."""

from tfapp.report.result_table import mean_and_spread
from tfapp.transfer.classifiers import FORMS


def table_5_2(metrics):
    """Return header and rows: HR, LR, ours and the control, means over seeds in percent.

    Args:
        metrics: Contents of `metrics.json`, one of each seed, with the same features.
    """
    one_label = metrics[0]["features"][0]["accuracy"] is not None
    rows = []
    for place, first in enumerate(metrics[0]["features"]):
        results = [content["features"][place] for content in metrics]
        row = [first["title"], str(first["dimension"])]
        row += [_percent([result["mean"][form] for result in results]) for form in FORMS]
        rows.append(row + ([_percent([result["accuracy"] for result in results])] if one_label else []))
    header = ["features", "length", *(f"mAP {form} %" for form in FORMS)]
    return header + (["accuracy %"] if one_label else []), rows


def merged_grid(grids):
    """Return one content of `grid.json` for those of several runs: all cells, and means of LR and HR."""
    without = {name: sum(grid[name] for grid in grids) / len(grids) for name in ("low", "high")}
    return {"ap": grids[0]["ap"], **without, "cells": [cell for grid in grids for cell in grid["cells"]]}


def _percent(values):
    return mean_and_spread([100 * value for value in values], ".2f")
