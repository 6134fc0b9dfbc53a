"""Write the page about runs: one HTML file that works from disk, without a server and without the network."""

from pathlib import Path

from plotly.offline import get_plotlyjs

from tfapp.data import Noise
from tfapp.data.cropping import VOID
from tfapp.errors import InputError
from tfapp.files import write_text
from tfapp.report.markup import Section, command, details, layout, moment, paragraph, table
from tfapp.report.page import shell
from tfapp.segmentation.config import TrainConfig
from tfapp.segmentation.page.contents import gather
from tfapp.segmentation.page.noise_tables import noise_section
from tfapp.segmentation.page.pictures import examples_of
from tfapp.segmentation.page.sections import (
    default_title,
    headline_section,
    landscape_section,
    pictures_section,
    training_section,
)
from tfapp.segmentation.page.sentences import augmentation_in_words, training_noise_in_words
from tfapp.segmentation.page.serving import export_section

DEFAULT_NOISE = Noise("gaussian", 0.07)
LEAD = "What was trained, how good it is, how it stands up to noise, and what to run next."
NO_SCRIPT = "The curves and surfaces need JavaScript; everything else shows without."


def write_report(
    runs,
    out,
    *,
    exports=(),
    commands=None,
    title=None,
    noise=DEFAULT_NOISE,
    examples=4,
    progress=lambda done, total, note: None,
):
    """Write one page about one or several runs of one dataset, and return its path.

    The page holds its pictures and the whole of plotly.js (about 5 MB) and asks no other machine for
    anything. It shows what the runs have: a run without an evaluation or a loss surface is named with the
    command that makes it; without the images of the data, or a trained network, there are no pictures.

    Args:
        runs: Paths of run folders, or `Run`s; runs that differ by seed are averaged in the tables.
        out: HTML file, written by write-then-rename.
        exports: Folders that `tfapp export` wrote.
        commands: Pairs (what it does, command line) to show as next steps, or None for the general ones.
        title: Heading of the page, or None for the networks and the data.
        noise: `Noise` of the second block of pictures; an amount of 0 leaves the block out.
        examples: Number of test images to show, >= 1.
        progress: Called as `progress(done, total, note)` after every image of every run.

    Raises:
        InputError: For a folder that is not a run or not an export, runs of different classes, damaged
            files, or an `out` that is a folder; nothing is written then.
    """
    out = Path(out)
    if out.is_dir():
        raise InputError(f"{out} is a folder; `out` must name an HTML file, such as {out / 'report.html'}.")
    if examples < 1:
        raise InputError(f"`examples` must be at least 1; got {examples}.")
    data = gather(runs)
    exported = export_section(exports, [entry.run for entry in data.entries])
    shown, problem = _examples(data.entries, examples, noise, progress)
    sections = [
        headline_section(data),
        pictures_section(shown, problem, data.entries[0].run, noise),
        noise_section(data),
        training_section(data),
        landscape_section(data.entries),
        exported,
        own_data_section(commands),
        origin_section(data.entries),
    ]
    heading = title or default_title(data.entries)
    write_text(out, shell(heading, LEAD, list(filter(None, sections)), get_plotlyjs(), NO_SCRIPT))
    return out


def _examples(entries, count, noise, progress):
    """Return (examples, None), or ([], why there are none)."""
    total = len(entries) * min(count, len(entries[0].run.split.test))
    done = 0

    def advance():
        nonlocal done
        done += 1
        progress(done, total, "labelling test images")

    try:
        return examples_of(entries, count, noise, advance=advance), None
    except InputError as error:
        return [], str(error)


FOLDER_LAYOUT = """PATH/
  images/      one file per picture: cell-01.png, cell-02.jpg, …
  masks/       one file per picture with the same name before the dot: cell-01.png, cell-02.png, …
  classes.txt  optional: one class name per line, for the mask values 0, 1, 2, …"""
LAYOUT_NOTES = (
    "A mask has the size of its picture; the grey value or palette index of a pixel is its class. Without classes.txt "
    "the values must be 0, 1, 2, … (255 means: no label), or just 0 and 255. For other values write lines such as "
    "'128 nucleus'; the name 'ignore' marks pixels without a label."
)
OWN_COMMANDS = (
    (
        "Look at the data first: counts, sizes, a sheet of pictures with their masks.",
        "tfapp data show folder:PATH",
    ),
    ("Train the regularised network.", "tfapp train folder:PATH --out runs/mine"),
    ("Train the plain one to compare with.", "tfapp train folder:PATH --head softmax --out runs/mine-plain"),
    ("Test both under noise.", "tfapp evaluate runs/mine runs/mine-plain"),
    ("Label new pictures.", "tfapp predict runs/mine new-pictures --out labelled"),
    ("Draw the loss landscape of each.", "tfapp landscape runs/mine\ntfapp landscape runs/mine-plain"),
    ("Export for TensorFlow Serving.", "tfapp export runs/mine served/mine"),
    ("Write a page like this one.", "tfapp report runs/mine runs/mine-plain --out report.html"),
)


def own_data_section(commands=None):
    """Return the `Section` of next steps.

    Args:
        commands: Pairs (what it does, command line), or None for the general ones.
    """
    steps = "".join(f"<li>{paragraph(text)}{command(line)}</li>" for text, line in commands or OWN_COMMANDS)
    body = (
        f"{paragraph('Put your pictures and their masks into a folder like this:')}{layout(FOLDER_LAYOUT)}"
        f"{paragraph(LAYOUT_NOTES)}{paragraph('Then run, in a terminal:')}<ol>{steps}</ol>"
    )
    return Section("own-data", "Your own data", "On your own data", body)


def origin_section(entries):
    """Return the `Section` of settings, versions, seeds and exact commands of the runs."""
    rows = {
        "Folder": lambda run: str(run.path),
        "Begun": lambda run: moment(run.record["created"]),
        "Network": _network,
        "Optimizer": _optimizer,
        "Training images": _training_images,
        "Augmentation": augmentation_in_words,
        "Batch size": lambda run: str(run.config["batch_size"]),
        "Epochs": lambda run: str(run.config["epochs"]),
        "Seeds": lambda run: f"training {run.config['seed']}, split {run.config['split_seed']}",
        "Versions": lambda run: ", ".join(
            f"{name} {number}" for name, number in run.record["versions"].items()
        ),
        "Data fingerprint": lambda run: run.data_fingerprint[:16],
    }
    body = [[name, *(read(entry.run) for entry in entries)] for name, read in rows.items()]
    header = ["", *(entry.label for entry in entries)]
    parts = [table(header, body, kind="text"), paragraph("The same runs again:")]
    parts += [command(entry.run.record["command"]) for entry in entries]
    parts.append(details("Test images of the first run", paragraph(", ".join(entries[0].run.split.test))))
    return Section("origin", "How it was made", "How these runs were made", "\n".join(parts))


def _training_images(run):
    count, framing = len(run.split.train), run.framing
    resized = f", resized to {framing.resize[1]}×{framing.resize[0]}" if framing.resize else ""
    cut = f", in patches of {framing.patch}×{framing.patch}" if framing.patch else ""
    if framing.crop:
        cut = f", in random crops of {framing.crop[1]}×{framing.crop[0]}"
        cut += ", void around smaller images" if framing.crop_border == VOID else ""
    noise = training_noise_in_words(run)
    return f"{count}{resized}{cut}{f'; {noise}' if noise else ''}"


def _network(run):
    config = run.config
    return f"{config['model']}, head {config['head']}, width {config['base_width']}, depth {config['depth']}"


def _optimizer(run):
    if run.config.get("solver"):
        return run.config["solver"]
    if run.config["optimizer"] == "bpgrad":
        return f"bpgrad, Lipschitz constant {run.config['lipschitz']}"
    schedule = run.config.get("schedule", TrainConfig.schedule)
    told = "" if schedule == TrainConfig.schedule else f", {schedule}"
    return f"{run.config['optimizer']}, learning rate {run.config['learning_rate']:g}{told}"
