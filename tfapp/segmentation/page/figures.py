"""Interactive Plotly figures of the page: curves over the noise, trainings, loss surfaces."""

from html import escape

import numpy as np
import plotly.graph_objects as go

from tfapp.landscape import side_by_side
from tfapp.report.style import PLOT_FONT

_GRID = {"gridcolor": "#e6e9ef", "zeroline": False, "linecolor": "#b9c1cd", "showline": True}
_DASHES = ("solid", "dot", "dashdot", "longdash")


def noise_curve(comparison, colours, measure):
    """Return the figure of `mIoU` or `RE` in percent against the σ of Gaussian noise.

    None if fewer than two amounts of Gaussian noise were tested.
    """
    rows = next(iter(comparison.groups.values()))[0].rows
    chosen = sorted((row.amount, i) for i, row in enumerate(rows) if row.kind == "gaussian")
    if len(chosen) < 2:
        return None
    figure = go.Figure()
    for title in comparison.groups:
        cells = [comparison.cell(title, i, measure) for _, i in chosen]
        spread = [cell.spread for cell in cells] if cells[0].runs > 1 else None
        figure.add_scatter(
            x=[amount for amount, _ in chosen],
            y=[cell.mean for cell in cells],
            error_y=None if spread is None else {"array": spread, "thickness": 1.2, "width": 3},
            name=escape(title),
            mode="lines+markers",
            line={"color": colours[title], "width": 2.5},
            hovertemplate=f"σ %{{x:g}}: %{{y:.2f}} %<extra>{escape(title)}</extra>",
        )
    return _styled(figure, "standard deviation σ of the noise", f"{measure} in %")


def training_curve(entries, colours, columns, y_title):
    """Return the figure of columns of `history.csv` against the epoch, or None if no run has any of them.

    Args:
        entries: The `Entry`s.
        colours: Colour by title; runs of one title differ by the dash.
        columns: Dict from the column to what the legend calls it, the first drawn solid, others thin.
        y_title: Title of the vertical axis.
    """
    figure = go.Figure()
    for column, (name, meaning) in enumerate(columns.items()):
        for entry, dash in zip(entries, _dashes(entries), strict=True):
            points = [(row["epoch"], row[name]) for row in entry.history if name in row]
            label = escape(f"{entry.label}, {meaning}" if meaning else entry.label)
            if points:
                figure.add_scatter(
                    x=[epoch for epoch, _ in points],
                    y=[value for _, value in points],
                    name=label,
                    mode="lines+markers" if len(points) < 30 else "lines",
                    line={"color": colours[entry.run.title], "width": 1.2 if column else 2.5, "dash": dash},
                    marker={"symbol": "circle-open" if column else "circle"},
                    hovertemplate=f"epoch %{{x}}: %{{y:.4g}}<extra>{label}</extra>",
                )
    if not figure.data:
        return None
    longest = max(len(trace.x) for trace in figure.data)
    # Left alone, Plotly puts ticks at half epochs on short trainings.
    return _styled(figure, "epoch", y_title).update_xaxes(dtick=1 if longest <= 12 else None)


def surface_panels(surfaces, titles):
    """Return one figure per surface, all with the same loss axis and colours.

    Panels of their own instead of one wide figure stand beside one another on a laptop and below one
    another on a phone.

    Args:
        surfaces: `Surface`s that can be drawn.
        titles: One line for each.
    """
    figure = side_by_side(surfaces, [escape(title) for title in titles])
    colours = figure.layout.coloraxis.to_plotly_json()
    # The height says the same as the colour, so that a bar beside every panel would only take room.
    colours = {name: value for name, value in colours.items() if name != "colorbar"} | {"showscale": False}
    panels = []
    for index in range(len(surfaces)):
        name = "scene" if index == 0 else f"scene{index + 1}"
        scene = {k: v for k, v in figure.layout[name].to_plotly_json().items() if k != "domain"}
        # A phone would cut this title off; the text beside the panels says what the height is.
        scene["zaxis"]["title"] = {"text": ""}
        panel = go.Figure([_in_own_scene(trace) for trace in figure.data if (trace.scene or "scene") == name])
        panel.update_layout(scene=scene, coloraxis=colours, showlegend=False, font=PLOT_FONT | {"size": 11})
        panels.append(panel.update_layout(margin={"l": 0, "r": 0, "t": 0, "b": 0}))
    return panels


def _dashes(entries):
    seen = {}
    for entry in entries:
        number = seen.get(entry.run.title, 0)
        seen[entry.run.title] = number + 1
        yield _DASHES[number % len(_DASHES)]


def _in_own_scene(trace):
    content = {name: value for name, value in trace.to_plotly_json().items() if name != "scene"}
    if trace.type == "surface":
        # Half the size of float64, and still more digits than the hover text shows.
        content |= {name: np.asarray(trace[name], np.float32) for name in ("z", "surfacecolor")}
    return content


def _styled(figure, x_title, y_title):
    figure.update_layout(
        template="none",
        font=PLOT_FONT | {"size": 13},
        margin={"l": 62, "r": 14, "t": 34, "b": 52},
        legend={"orientation": "h", "yanchor": "top", "y": -0.2, "x": 0},
        hoverlabel={"namelength": -1},
        showlegend=True,
        xaxis={**_GRID, "title": {"text": x_title, "standoff": 8}},
        yaxis={**_GRID, "title": {"text": y_title, "standoff": 8}},
    )
    return figure
