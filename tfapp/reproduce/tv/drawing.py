"""Curves and example pictures of the figures of Jia, Liu and Tai."""

from functools import partial

import numpy as np
from matplotlib.figure import Figure

from tfapp.data import Noise, network_pair, parse_noises
from tfapp.files import write_text
from tfapp.report.colours import QUALITATIVE
from tfapp.report.contact_sheet import as_rgb, contact_sheet
from tfapp.report.figures import save_image, save_png
from tfapp.report.result_table import DASH, ResultTable, Summary, document
from tfapp.reproduce.tv.pairs import HEADS
from tfapp.reproduce.tv.panels import LEVELS
from tfapp.reproduce.tv.published import published_table
from tfapp.reproduce.tv.tables import SOURCE, TABLES, spaced
from tfapp.segmentation.evaluation import EvaluationData, Segmenter, evaluate
from tfapp.segmentation.page.pictures import noisy_at_own_size, share_right
from tfapp.segmentation.pictures import overlay

SIGMAS = tuple(round(0.01 * step, 2) for step in range(1, 11))
# Lines of the models 1 and 2; side of an example in pixels.
STYLES = {1: "o-", 2: "s--"}
CELL = 190
NOISE_SEED = 0


def measure_curves(runs, test_images, progress):
    """Return the mIoU of every network at every sigma of `SIGMAS`.

    Args:
        runs: From the number of a model to what `train_pairs` returned.
        test_images: Number of test images, evenly spaced over all; None for all.
        progress: `Progress`.

    Returns:
        Dictionary from title, such as `Unet1`, to one `Summary` over the seeds for each sigma, in percent.
    """
    noises = parse_noises([f"gaussian={','.join(f'{sigma:g}' for sigma in SIGMAS)}"])
    values = {}
    pairs = [(model, by_head) for model, of_model in runs.items() for by_head in of_model]
    with progress.task("evaluating", len(pairs) * len(HEADS) * len(noises)) as task:
        for model, by_head in pairs:
            for run in (by_head[head] for head in HEADS):
                title = f"{run.title}{model}"
                data = EvaluationData(run, run.dataset, spaced(run.items("test"), test_images))
                # Not stored in the run: what is there has the columns of the table.
                rows = evaluate(Segmenter(run), data, noises, advance=partial(task.advance, note=title)).rows
                values.setdefault(title, []).append([100 * row.mean_iou for row in rows if row.amount > 0])
    return {
        title: [Summary.of(list(column)) for column in zip(*of, strict=True)] for title, of in values.items()
    }


def write_curves(figure, measured, command, scale_text, files):
    """Write a `CurveFigure` as Markdown, CSV and PNG, and return its table.

    Args:
        figure: `CurveFigure`.
        measured: What `measure_curves` returned.
        command: Line that makes it again.
        scale_text: What the scale means.
        files: Paths of the three.
    """
    text, numbers, picture = files
    printed = {title: _published(figure, title) for title in measured}
    header = ["σ", *(name for title in measured for name in (title, "published"))]
    rows, long = [], []
    for index, sigma in enumerate(SIGMAS):
        row = [f"{sigma:g}"]
        for title, summaries in measured.items():
            ours, theirs = summaries[index], printed[title].get(sigma)
            row += [str(ours), DASH if theirs is None else f"{theirs:.2f}"]
            long.append(
                [
                    title,
                    sigma,
                    f"{ours.mean:.4f}",
                    f"{ours.spread:.4f}",
                    ours.runs,
                    "" if theirs is None else theirs,
                ]
            )
        rows.append(row)
    table = ResultTable(header, rows, f"mIoU [%] under Gaussian noise, figure {figure.number}")
    ResultTable(["network", "sigma", "mIoU", "spread", "runs", "published"], long).write_csv(numbers)
    notes = [
        "The published numbers are those of the tables, which have every other σ; the figure itself has no numbers.",
        scale_text,
    ]
    write_text(text, document(table, notes, title=figure.heading, source=SOURCE, command=command))
    save_png(curve_figure(measured, printed), picture)
    return table


def _published(figure, title):
    """Return the published mIoU of a network by sigma; its title ends with the number of the model."""
    network, model = title[:-1], int(title[-1])
    [number] = [n for n, one in TABLES.items() if (one.subject, one.model_number) == (figure.subject, model)]
    found = {sigma: published_table(number).value(network, "mIoU", f"gaussian {sigma:g}") for sigma in SIGMAS}
    return {sigma: value for sigma, value in found.items() if value is not None}


def curve_figure(measured, printed):
    """Return the Matplotlib figure of mIoU against sigma; bands are the spread over seeds, crosses published numbers.

    Args:
        measured: What `measure_curves` returned.
        printed: From title to the published mIoU by sigma.
    """
    figure, axes = figure_over_sigma()
    networks = list(dict.fromkeys(title[:-1] for title in measured))
    for title, summaries in measured.items():
        colour = QUALITATIVE[networks.index(title[:-1])]
        mean, spread = (np.array([getattr(one, name) for one in summaries]) for name in ("mean", "spread"))
        axes.plot(SIGMAS, mean, STYLES[int(title[-1])], color=colour, label=title, markersize=4)
        if summaries[0].runs > 1:
            axes.fill_between(SIGMAS, mean - spread, mean + spread, color=colour, alpha=0.15, linewidth=0)
        marker = "x" if title.endswith("1") else "+"
        known = printed[title]
        axes.plot(list(known), list(known.values()), marker, color=colour, label=f"{title}, published")
    figure.legend(loc="outside right upper", frameon=False)
    return figure


def figure_over_sigma():
    """Return a Matplotlib figure, and its axes for mIoU against the sigma of Gaussian noise."""
    figure = Figure(figsize=(9, 4.6), layout="constrained")
    axes = figure.subplots()
    axes.set_xlabel("standard deviation σ of Gaussian noise in the test images")
    axes.set_ylabel("mIoU [%]")
    axes.grid(alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes


def write_examples(figure, pair, command, scale_text, files):
    """Write an `ExampleFigure` of a `Pair` as Markdown and PNG; the other arguments are as of `write_curves`."""
    text, picture = files
    save_image(example_sheet(figure, pair), picture)
    notes = [
        *figure.assumed,
        f"Seed {pair.seed}; λ behind the plain network is {pair.weight:g}, the learned one {pair.learned_weight:.3f}. "
        "The number in an answer is the share of pixels that are right.",
        scale_text,
    ]
    picture = f"![{figure.heading}]({picture.name})"
    write_text(text, document(picture, notes, title=figure.heading, source=SOURCE, command=command))


def example_sheet(figure, pair):
    """Return the PIL picture of an `ExampleFigure`.

    Figure 1 has a line for each input: input and three answers. The others have a column for each input: input, truth
    and three answers below each other.
    """
    run = pair.plain
    items = tuple(enumerate(run.items("test")))
    count = 1 if figure.one_image else len(figure.panels)
    # Of fewer test images than inputs some come again.
    chosen = spaced(items, count)
    segmenters = [Segmenter(run, weight) for _, run, weight in pair.heads]
    titles = ["input", "truth", *(title for title, *_ in pair.heads)]
    lines = []
    for index, panel in enumerate(figure.panels):
        position, item = chosen[index % len(chosen)]
        lines.append(_line(run, item, position, panel_noise(panel), segmenters))
    if figure.one_image:
        # Its truth is in no panel of figure 1.
        lines = [[line[0], *line[2:]] for line in lines]
        rows = [[picture for picture, _ in line] for line in lines]
        return contact_sheet(
            rows, [titles[0], *titles[2:]], CELL, [[text for _, text in line] for line in lines]
        )
    rows = [[line[index][0] for line in lines] for index in range(len(titles))]
    captions = [
        [f"{title}\n{line[index][1]}".strip() for line in lines] for index, title in enumerate(titles)
    ]
    return contact_sheet(rows, [_in_words(panel) for panel in figure.panels], CELL, captions)


def panel_noise(panel):
    """Return the `Noise` of a panel of an `ExampleFigure`, or None for a clean one."""
    return None if panel is None else Noise(panel[0], LEVELS[panel[0]][panel[1]])


def _in_words(panel):
    noise = panel_noise(panel)
    return "clean" if noise is None else noise.label


def _line(run, item, position, noise, segmenters):
    """Return (picture, text) of input, truth and each answer."""
    image, _ = network_pair(run.dataset, item, run.framing.resize)
    background, truth = item.read_image(), item.read_mask()
    if noise is not None:
        image = noise.add(image, NOISE_SEED, position)
        background = noisy_at_own_size(run, item, noise, NOISE_SEED, position)
    answers = [segmenter.label_maps(image[None], [item.size])[0] for segmenter in segmenters]
    classes = run.dataset.num_classes
    shares = [f"{share_right(labels, truth, run.dataset.ignore_value):.1f} %" for labels in answers]
    pictures = [as_rgb(background), *(overlay(background, labels, classes) for labels in (truth, *answers))]
    name = item.name.rpartition("/")[2]
    return list(zip(pictures, [name, "", *shares], strict=True))
