"""Surfaces to turn in a browser, on a page that needs no network."""

import os
from collections.abc import Sequence
from html import escape

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from tfapp.files import write_text
from tfapp.landscape.figures.panels import (
    common_scale,
    common_window,
    make_panels,
    rows_and_columns,
    tick_label,
    window_ticks,
)
from tfapp.landscape.grid import Grid
from tfapp.report.colours import SOLUTION

# Plotly's button that uploads a chart to its makers' server stays off: the data are the user's.
PAGE_CONFIG = {"displaylogo": False, "showSendToCloud": False, "plotlyServerURL": ""}
_VIEW = {"eye": {"x": 1.3, "y": -1.6, "z": 1.2}, "center": {"x": 0, "y": 0, "z": -0.12}}


def surface_html(surface: Grid, title: str | None = None) -> go.Figure:
    """Return an interactive figure of one surface, the solution marked.

    Args:
        surface: complete or partly measured `Surface`.
        title: line above the figure.

    Returns:
        A Plotly figure: `save_html` makes a page of it, `to_html(full_html=False)` a part of one.

    Raises:
        InputError: fewer than 3 x 3 points are measured, or none is finite.
    """
    return side_by_side([surface], [title or "Loss around the solution"])


def side_by_side(surfaces: Sequence[Grid], titles: Sequence[str], *, columns: int | None = None) -> go.Figure:
    """Return an interactive figure of several surfaces with common axes and one colour bar.

    Args:
        surfaces: one or more surfaces, of any size and range; the axes hold the windows of all.
        titles: one line for each.
        columns: surfaces in a row, >= 1; None for all.

    Raises:
        InputError: no surface, as many titles as surfaces are not given, or nothing to draw.
    """
    panels = make_panels(surfaces, titles)
    scale, window = common_scale(panels), common_window(panels)
    columns, rows = rows_and_columns(len(panels), columns)
    figure = make_subplots(
        rows=rows,
        cols=columns,
        specs=[[{"type": "scene"}] * columns] * rows,
        subplot_titles=[_heading(panel) for panel in panels],
        horizontal_spacing=0.02,
        vertical_spacing=0.06,
    )
    for index, panel in enumerate(panels):
        row, column = divmod(index, columns)
        traces = [_surface_trace(panel, scale), _solution_trace(panel, scale)]
        figure.add_traces(traces, rows=row + 1, cols=column + 1)
        figure.update_scenes(_axes(panel, window), row=row + 1, col=column + 1)
    figure.update_scenes(
        zaxis={
            "title": "",  # the colour bar says what it is; beside a narrow box it would be cut
            "type": "log" if scale.log else "linear",
            "range": list(scale.limits),
            "tickvals": scale.ticks(),
            "ticktext": [tick_label(tick) for tick in scale.ticks()],
        },
        aspectratio={"x": 1, "y": 1, "z": 0.8},
        camera=_VIEW,
    )
    figure.update_layout(
        coloraxis=_colour_axis(scale), showlegend=False, margin={"l": 10, "r": 10, "t": 80, "b": 10}
    )
    return figure


def save_html(figure: go.Figure, path: str | os.PathLike) -> None:
    """Write a page that holds the figure and the whole of plotly.js (about 5 MB): it works offline.

    Args:
        figure: Plotly figure.
        path: HTML file, written by write-then-rename.
    """
    page = figure.to_html(include_plotlyjs=True, full_html=True, default_height="95vh", config=PAGE_CONFIG)
    write_text(path, page)


def _axes(panel, window):
    axes = {}
    for name, label, limits in zip(("xaxis", "yaxis"), panel.labels, window, strict=True):
        places, texts = window_ticks(*limits)
        # Plotly reads labels as HTML; a solution may be called anything.
        title = {"text": escape(label).replace("\n", "<br>"), "font": {"size": 12}}
        axes[name] = {"title": title, "range": list(limits), "tickvals": places, "ticktext": texts}
    return axes


def _surface_trace(panel, scale):
    # Plotly's rows run along y, rows of the surface along alpha. Colours must be transformed by hand:
    # a colour axis knows no logarithm.
    return go.Surface(
        x=panel.alphas,
        y=panel.betas,
        z=panel.loss.T,
        surfacecolor=scale.transform(panel.loss).T,
        coloraxis="coloraxis",
        hovertemplate="α %{x:.3f}<br>β %{y:.3f}<br>loss %{z:.5g}<extra></extra>",
    )


def _solution_trace(panel, scale):
    # A pin to the top of the box is seen from every side; the basin hides the solution itself.
    return go.Scatter3d(
        x=[0.0, 0.0],
        y=[0.0, 0.0],
        z=[panel.centre, scale.high] if panel.has_solution else [None, None],
        mode="lines+markers",
        line={"color": SOLUTION, "width": 4},
        marker={"size": [6, 3], "color": SOLUTION},
        hovertemplate=f"solution<br>loss {panel.centre:.5g}<extra></extra>",
    )


def _heading(panel):
    lines = [escape(panel.title)]
    if panel.has_solution:
        lines.append(f"<sub style='color:{SOLUTION}'>● solution, loss {panel.centre:.4g}</sub>")
    return "<br>".join([*lines, *([f"<sub>{panel.note}</sub>"] if panel.note else [])])


def _colour_axis(scale):
    low, high = scale.limits
    return {
        "colorscale": "Viridis",
        "cmin": low,
        "cmax": high,
        "colorbar": {
            "title": "loss",
            "len": 0.7,
            "tickvals": [float(scale.transform(tick)) for tick in scale.ticks()],
            "ticktext": [tick_label(tick) for tick in scale.ticks()],
        },
    }
