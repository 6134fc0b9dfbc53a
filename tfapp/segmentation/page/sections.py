"""Sections on the result, the pictures, the training and the loss landscapes."""

import shlex
from html import escape
from pathlib import PurePath

import numpy as np

from tfapp.report.markup import (
    Section,
    facts,
    figure,
    grid,
    paragraph,
    plot,
    result_box,
    sentence_list,
    table,
    to_do,
)
from tfapp.segmentation.page.figures import surface_panels, training_curve
from tfapp.segmentation.page.sentences import in_words, key_results
from tfapp.segmentation.pictures import palette

HOW_TO_READ = (
    "A trained network is one point in a space of as many dimensions as it has weights. The picture cuts a plane "
    "through that point: its two axes, α and β, move the weights along the directions that stand there; of "
    "random ones 1 means that every filter moves by 100 % of its own length. The height is the loss there, so lower is "
    "better. The red pin marks the trained network at (0, 0). A wide, flat valley around the pin means that small "
    "changes of the weights do little harm; narrow, steep walls mean the opposite."
)
SHARED_SCALE = " All panels share one height scale and one colour scale, and turning one turns all."


def default_title(entries):
    titles = sentence_list(list(dict.fromkeys(entry.run.title for entry in entries)))
    return f"{titles} on {data_name(entries[0].run)}"


def data_name(run):
    """Return the short name of the run's data: the last folder of the path, or the name of the generator."""
    kind, _, path = run.record["data"]["spec"].partition(":")
    return f"generated {kind}" if kind == "cells" else PurePath(path).name or kind


def headline_section(data):
    """Return the `Section` that says what was trained on what, and with which result."""
    run = data.entries[0].run
    splits = [entry.run.record["data"]["split"] for entry in data.entries]
    sizes = [[(len(split[name]), name) for name in ("train", "validation", "test")] for split in splits]
    known = {
        "Networks": sentence_list(list(dict.fromkeys(entry.run.title for entry in data.entries))),
        "Trainings": str(len(data.entries)),
        "Images": _each(str(sum(size for size, _ in one)) for one in sizes),
        "Split": _each(", ".join(f"{size} {name}" for size, name in one if size) for one in sizes),
        "Classes": ", ".join(run.class_names),
    }
    body = f"{_result(data)}{facts(known)}{_data_line(data.entries)}"
    return Section("result", "Result", "The result in short", body)


def _each(words):
    """Return what holds of the trainings, once where it is the same of all."""
    return "; ".join(dict.fromkeys(words))


def pictures_section(examples, problem, run, noise):
    """Return the `Section` of the pictures.

    Args:
        examples: List of `Example`, empty where there is a problem.
        problem: Sentence on why there are no pictures, or None.
        run: The `Run` whose classes the legend names.
        noise: `Noise` of the second block.
    """
    if problem:
        body = paragraph(f"No pictures: {problem}", "note")
        return Section("pictures", "Pictures", "Test images and answers", body)
    intro = (
        "Images that the networks never saw in training, taken at even steps from the list of test images, not "
        "chosen by result. Colours mark the classes; the line below each answer is the share of pixels that are right."
    )
    parts = [paragraph(intro), legend(run.class_names), "<h3>Clean images</h3>"]
    parts += [_picture_row(example.clean) for example in examples]
    if noise.amount:
        parts.append(f"<h3>The same images under {escape(in_words(noise))}</h3>")
        parts += [_picture_row(example.noisy) for example in examples]
    return Section("pictures", "Pictures", "Test images and answers", "\n".join(parts))


def training_section(data):
    """Return the `Section` of loss and λ per epoch."""
    losses = {"loss": "training", "val_loss": " or ".join(_watched(data.entries))}
    drawings = {
        "loss": (
            training_curve(data.entries, data.colours, losses, "loss"),
            _loss_caption(data.entries),
        ),
        "lambda": (
            training_curve(data.entries, data.colours, {"tv_weight": ""}, "λ"),
            "λ, the learned weight of the total variation: the larger, the more the network's last layer "
            "smooths the answer.",
        ),
    }
    figures = [
        figure(plot(drawing, f"training-{name}"), caption, "card")
        for name, (drawing, caption) in drawings.items()
        if drawing is not None
    ]
    body = grid(figures, "pair") if figures else paragraph("No run has finished an epoch yet.", "note")
    return Section("training", "Training", "How the training went", body)


def landscape_section(entries):
    """Return the `Section` of the loss surfaces with their self-checks."""
    shown = [entry for entry in entries if entry.surface is not None]
    missing = [entry for entry in entries if entry.surface is None]
    parts = []
    if shown:
        panels = surface_panels([entry.surface for entry in shown], [entry.label for entry in shown])
        figures = [
            figure(plot(panel, f"surface-{i}"), _surface_caption(entry), "card surface")
            for i, (panel, entry) in enumerate(zip(panels, shown, strict=True))
        ]
        parts = [
            paragraph(HOW_TO_READ + (SHARED_SCALE if len(shown) > 1 else "")),
            grid(figures, "tables" if len(shown) > 2 else "pair"),
            _surface_checks(shown),
        ]
    for entry in missing:
        line = f"tfapp landscape {shlex.quote(str(entry.run.path))}"
        if entry.surface_outdated:
            text = f"The loss surface of {entry.label} was measured before its training went on: run"
            parts.append(to_do(text, f"{line} --overwrite"))
        else:
            parts.append(to_do(f"{entry.label} has no loss surface yet: run", line))
    return Section("landscape", "Loss landscape", "The loss around the trained networks", "\n".join(parts))


def _loss_caption(entries):
    caption = "Loss after each epoch."
    if any("val_loss" in row for entry in entries for row in entry.history):
        watched = " and ".join(_watched(entries))
        caption += (
            f" {watched.capitalize()} images are watched, not trained on: a {watched} loss that rises while the "
            "training loss falls is overfitting."
        )
    return caption


def _watched(entries):
    """Return which images were watched in the trainings, `validation` or `test`, or both, sorted."""
    # Runs from before this option have no entry of it.
    return sorted({"test" if entry.run.config.get("validate_on_test") else "validation" for entry in entries})


def _result(data):
    if data.comparison is None:
        since = " since its training went on" if any(entry.outdated for entry in data.entries) else " yet"
        return paragraph(f"No run is evaluated{since}, so there is no result to report.", "result")
    return result_box(key_results(data.comparison))


def _data_line(entries):
    specs = list(dict.fromkeys(entry.run.record["data"]["spec"] for entry in entries))
    return f'<p class="aside">Data: {", ".join(f"<code>{escape(spec)}</code>" for spec in specs)}</p>'


def legend(class_names):
    """Return the colours of the classes with their names."""
    items = []
    for index, (name, colour) in enumerate(zip(class_names, palette(len(class_names)), strict=True)):
        swatch = "background: none" if index == 0 else f"background: rgb({', '.join(map(str, colour))})"
        meaning = f"{name} (left as it is)" if index == 0 else name
        items.append(f'<li><span class="swatch" style="{swatch}"></span>{escape(meaning)}</li>')
    return f'<ul class="legend" aria-label="Colours of the classes">{"".join(items)}</ul>'


def _picture_row(pictures):
    # More than six in a line would be too small to see; then they go on in the next.
    columns = len(pictures) if len(pictures) <= 6 else 5
    return f'<div class="pictures" style="--columns: {columns}">{"".join(map(_picture, pictures))}</div>'


def _picture(picture):
    size = f'width="{picture.width}" height="{picture.height}"'
    image = f'<img src="{picture.source}" {size} alt="{escape(picture.alt)}" decoding="async">'
    return figure(image, picture.caption)


def _surface_caption(entry):
    return f"{entry.label}: loss {entry.surface.centre:.4g} at the pin"


def _surface_checks(entries):
    rows = {
        "Grid": lambda s: f"{len(s.alphas)} × {len(s.betas)}, ±{s.alphas[-1]:g}",
        "Points measured": lambda s: f"{s.num_measured} of {s.status.size}",
        "Loss at the pin, f(0, 0)": lambda s: f"{s.centre:.6g}",
        "The same by Keras's evaluate": lambda s: _checked(s, "evaluate", ".6g"),
        "Difference": lambda s: _checked(s, "centre_minus_evaluate", ".1e"),
        "Lowest loss": lambda s: _extreme(s, np.nanargmin),
        "Highest loss": lambda s: _extreme(s, np.nanargmax),
        "Points without a finite loss": lambda s: str(s.num_nan),
        "Images or patches averaged": lambda s: str(s.metadata.get("key", {}).get("samples", "–")),
    }
    body = [[name, *(read(entry.surface) for entry in entries)] for name, read in rows.items()]
    return table(["", *(entry.label for entry in entries)], body, "Checks of the surfaces")


def _checked(surface, name, form):
    value = surface.metadata.get("self_check", {}).get(name)
    return "–" if value is None else format(value, form)


def _extreme(surface, which):
    found = surface.extreme(which)
    if found is None:
        return "–"
    loss, alpha, beta = found
    return f"{loss:.4g} at ({alpha:.3g}, {beta:.3g})"
