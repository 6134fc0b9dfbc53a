"""Section of the noise tables."""

import shlex
from html import escape

import numpy as np

from tfapp.report.markup import (
    Cell,
    Section,
    details,
    figure,
    grid,
    paragraph,
    plot,
    sentence_list,
    table,
    to_do,
)
from tfapp.segmentation.page.figures import noise_curve
from tfapp.segmentation.page.sentences import amounts_in_words, training_noise_in_words

EXPLANATION = "Each row is one corruption of all test images, put on them before the network sees them."
MEASURES = {
    "mIoU": (
        "mIoU in %",
        "Mean intersection over union: overlap of the predicted and the true area of a class, divided by "
        "the area that either covers, averaged over the classes. 100 % is perfect; higher is better.",
        max,
    ),
    "accuracy": ("Accuracy in %", "Share of all labelled pixels that are right; higher is better.", max),
    "RE": (
        "RE in %",
        "Regularisation effect: pixels at a border between two predicted classes, in percent of all; one whose label "
        "changes both downwards and to the right counts √2. "
        "Smaller is smoother; smoother is not better by itself, read it together with mIoU.",
        min,
    ),
}


def noise_section(data):
    """Return the `Section` with one table per measure, curves against σ, and the IoU of each class."""
    parts = [*_missing(data.entries)]
    if data.comparison is not None:
        parts += [paragraph(_explanation(data)), *(paragraph(text, "note") for text in data.cautions)]
        parts += [measure_tables(data.comparison), _curves(data), class_tables(data.comparison)]
    return Section("noise", "Noise", "How the networks stand up to noise", "\n".join(parts))


def measure_tables(comparison):
    """Return one table per measure, the best value of each row in bold, and how to read them."""
    tables = [_measure_table(comparison, measure) for measure in MEASURES]
    return grid(tables, _width(comparison)) + paragraph(_reading_aid(comparison), "aside")


def class_tables(comparison):
    """Return the IoU of each class, folded."""
    names = next(iter(comparison.groups.values()))[0].class_names
    tables = [_class_table(comparison, index, name) for index, name in enumerate(names)]
    return details("IoU of every class", grid(tables, "tables"))


def _explanation(data):
    kinds = [row.kind for row in next(iter(data.comparison.groups.values()))[0].rows]
    sentences = [EXPLANATION, amounts_in_words(kinds), *_training_noises(data.entries)]
    return " ".join(sentences)


def _training_noises(entries):
    labels = {}
    for entry in entries:
        labels.setdefault(training_noise_in_words(entry.run), []).append(entry.label)
    for words, names in labels.items():
        of_whom = f" of {sentence_list(names)}" if len(labels) > 1 else ""
        yield f"In the training{of_whom}, {words or 'all images were clean'}."


def _missing(entries):
    for entry in entries:
        line = f"tfapp evaluate {shlex.quote(str(entry.run.path))}"
        if entry.outdated:
            tested = "" if entry.outdated == (entry.run.title,) else f" ({sentence_list(entry.outdated)})"
            yield to_do(f"{entry.label} was evaluated{tested} before its training went on: run", line)
        elif not entry.evaluations:
            yield to_do(f"{entry.label} is not evaluated yet: run", line)


def _measure_table(comparison, measure):
    name, explanation, better = MEASURES[measure]
    titles = list(comparison.groups)
    rows = []
    for index, noise in enumerate(comparison.noises):
        cells = [comparison.cell(title, index, measure) for title in titles]
        rows.append([noise, *_emphasised([str(c) for c in cells], [c.mean for c in cells], better)])
    return f'<div class="card">{table(["noise", *titles], rows, name)}{paragraph(explanation, "aside")}</div>'


def _width(comparison):
    groups = comparison.groups.values()
    return "tables wide" if len(groups) > 2 or max(map(len, groups)) > 1 else "tables"


def _reading_aid(comparison):
    images = {evaluation.images for group in comparison.groups.values() for evaluation in group}
    runs = max(len(group) for group in comparison.groups.values())
    bold = "Bold: the best value of a row (for RE the smoothest). " if len(comparison.groups) > 1 else ""
    spread = (
        "Numbers after ± are the standard deviation between trainings with other seeds. " if runs > 1 else ""
    )
    return f"{bold}{spread}Measured on {' or '.join(map(str, sorted(images)))} test images at their own size."


def _emphasised(texts, values, better):
    """Return the cells with the best value, and those that read the same, in bold."""
    finite = [value for value in values if np.isfinite(value)]
    if len(texts) < 2 or not finite:
        return texts
    best = f"{better(finite):.2f}"
    # A bold pair of equal numbers is a tie; its hidden digits say nothing.
    return [
        Cell(f"<b>{escape(text)}</b>") if f"{value:.2f}" == best else text
        for text, value in zip(texts, values, strict=True)
    ]


def _curves(data):
    captions = {
        "mIoU": "mIoU against the strength of Gaussian noise: the flatter the line, the less the noise matters.",
        "RE": "Roughness of the answers (RE) against the strength of Gaussian noise: speckle shows as a rise.",
    }
    drawn = {measure: noise_curve(data.comparison, data.colours, measure) for measure in captions}
    figures = [
        figure(plot(drawing, f"curve-{measure.lower()}"), captions[measure], "card")
        for measure, drawing in drawn.items()
        if drawing is not None
    ]
    return grid(figures, "pair")


def _class_table(comparison, class_index, name):
    titles = list(comparison.groups)
    rows = []
    for index, noise in enumerate(comparison.noises):
        values = [_class_mean(comparison.groups[title], index, class_index) for title in titles]
        texts = [f"{value:.2f}" if np.isfinite(value) else "–" for value in values]
        rows.append([noise, *_emphasised(texts, values, max)])
    return f'<div class="card">{table(["noise", *titles], rows, f"{name}: IoU in %")}</div>'


def _class_mean(evaluations, noise_index, class_index):
    """Mean IoU of a class over seeds in percent; NaN where it neither occurs nor is predicted."""
    values = [evaluation.rows[noise_index].class_iou[class_index] for evaluation in evaluations]
    present = [value for value in values if np.isfinite(value)]
    return 100 * float(np.mean(present)) if present else float("nan")
