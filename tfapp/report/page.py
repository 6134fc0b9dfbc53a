"""Write the report: one HTML file that works from disk, without a server and without the network."""

from pathlib import Path

from plotly.offline import get_plotlyjs

from tfapp.data import Noise
from tfapp.errors import InputError
from tfapp.files import write_text
from tfapp.html_shell import shell
from tfapp.report.advice import origin_section, own_data_section
from tfapp.report.material import gather
from tfapp.report.pictures import examples_of
from tfapp.report.sections import (
    default_title,
    headline_section,
    landscape_section,
    pictures_section,
    training_section,
)
from tfapp.report.serving import export_section
from tfapp.report.tables import noise_section

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
        raise InputError(f"{out} is a folder; --out must name an HTML file, such as {out / 'report.html'}.")
    if examples < 1:
        raise InputError(f"--examples must be at least 1; got {examples}.")
    material = gather(runs)
    exported = export_section(exports)
    shown, problem = _examples(material.entries, examples, noise, progress)
    sections = [
        headline_section(material),
        pictures_section(shown, problem, material.entries[0].run, noise),
        noise_section(material),
        training_section(material),
        landscape_section(material.entries),
        exported,
        own_data_section(commands),
        origin_section(material.entries),
    ]
    heading = title or default_title(material.entries)
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
