"""One page about a transfer network: a file that asks no other machine for anything."""

import shlex
from dataclasses import dataclass
from pathlib import Path

from tfapp.errors import InputError
from tfapp.files import write_text
from tfapp.records import read_record
from tfapp.report.markup import grid, picture, to_do
from tfapp.report.page import shell
from tfapp.transfer.embedding import EMBEDDING, Embedding, read_embedding
from tfapp.transfer.evaluation import METRICS, METRICS_ENTRIES
from tfapp.transfer.few_labels import LABELS, LABELS_ENTRIES
from tfapp.transfer.grid import GRID, GRID_ENTRIES, is_grid_current
from tfapp.transfer.network import MODEL
from tfapp.transfer.page_sections import (
    clusters_section,
    embedding_section,
    grid_section,
    labels_section,
    next_section,
    precision_section,
    result_section,
    training_section,
)
from tfapp.transfer.run import TransferRun
from tfapp.transfer.stability import STABILITY, STABILITY_ENTRIES

TITLE = "Feature transfer for low-resolution images"
SOURCE = (
    'After Y. Wu, Z. Zhang, G. Wang, "Unsupervised Deep Feature Transfer for Low Resolution Image Classification", '
    "ICCV Workshops 2019, arXiv:1908.10012."
)


def save_page(run, path) -> None:
    """Write what was trained, what it gains or loses, and the pictures that the run has.

    What a run lacks is named with the command that makes it.

    Args:
        run: `TransferRun`.
        path: HTML file, written by write-then-rename.

    Raises:
        InputError: A file of the run is damaged, or `path` is a folder; nothing is written then.
    """
    path = Path(path)
    if path.is_dir():
        raise InputError(
            f"{path} is a folder; `out` must name an HTML file, such as {path / 'transfer.html'}."
        )
    data = ReportData.of(run)
    sections = [
        result_section(data),
        precision_section(data),
        labels_section(data),
        training_section(data),
        embedding_section(data),
        grid_section(data),
        clusters_section(data),
        next_section(data),
    ]
    write_text(path, shell(TITLE, SOURCE, list(filter(None, sections))))


def write_page(runs, path, *, progress=None, **given) -> None:
    """Write the page of `tfapp report` about one run, and refuse what reports on segmenters alone know.

    Args:
        runs: List of one path of a run.
        path: HTML file, as of `save_page`.
        progress: Not called: the page is written at once.
        **given: Options of reports on segmenters that were given.

    Raises:
        InputError: Several runs, an option, or as `save_page`.
    """
    if given:
        raise InputError(
            f"`{next(iter(given))}` is for reports on segmenters; leave it out for a run of `tfapp transfer train`."
        )
    if len(runs) > 1:
        raise InputError(
            f"A report on a run of `tfapp transfer train` shows that run alone; got {len(runs)} runs."
        )
    save_page(TransferRun.open(runs[0]), path)


FIGURES = "figures"
# As it is typed behind `tfapp transfer`, with the run in between.
FEW = "evaluate --labels-per-class 1,2,5,10,20,50,all"


@dataclass(frozen=True)
class ReportData:
    """A run and what its commands have made so far.

    Attributes:
        run: `TransferRun`.
        trained: Whether its training has ended.
        metrics: Content of `metrics.json`, None before the evaluation.
        labels: Content of `labels.json`, None without.
        grid: Content of `grid.json`, None without.
        embedding: `Embedding`, None without.
        stability: Content of `stability.json`, None without. It is of the sharp features, whatever the training.
        outdated: Names of the commands whose results are left out, as the run was trained further since.
        untold: Whether some result does not say of which weights it is.
    """

    run: TransferRun
    trained: bool
    metrics: dict | None
    labels: dict | None
    grid: dict | None
    embedding: Embedding | None
    stability: dict | None = None
    outdated: frozenset = frozenset()
    untold: bool = False
    few = FEW

    @classmethod
    def of(cls, run) -> "ReportData":
        """Read the folder of a `TransferRun`.

        Raises:
            InputError: A file is damaged.
        """
        laid_out = run.path / EMBEDDING
        metrics = _content(run.path / METRICS, METRICS_ENTRIES)
        labels = _content(run.path / LABELS, LABELS_ENTRIES)
        grid = _content(run.path / GRID, GRID_ENTRIES)
        embedding = read_embedding(laid_out) if laid_out.is_file() else None
        weights = {}
        if metrics is not None:
            weights["evaluate"] = metrics.get("weights")
        if labels is not None:
            weights[FEW] = labels["weights"]
        if embedding is not None:
            weights["tsne"] = embedding.weights
        outdated = {name for name, said in weights.items() if not run.is_current(said)}
        if grid is not None and not is_grid_current(run, grid):
            outdated.add("grid")
        return cls(
            run,
            (run.path / MODEL).is_file(),
            None if "evaluate" in outdated else metrics,
            None if FEW in outdated else labels,
            None if "grid" in outdated else grid,
            None if "tsne" in outdated else embedding,
            _content(run.path / STABILITY, STABILITY_ENTRIES),
            frozenset(outdated),
            None in weights.values(),
        )

    def missing(self, maker, text) -> str:
        """Return the remark `text` that something is missing, or why it is left out, with the command that makes it."""
        if maker in self.outdated:
            text = f"What `tfapp transfer {maker.partition(' --')[0]}` made is of before the training went on; run"
        return to_do(text, self.command(maker))

    def figures(self, maker, captions) -> str:
        """Return figures of the run as HTML, each of {name: caption}; one that is not there as the command `maker`."""
        if maker in self.outdated:
            return self.missing(maker, "")
        parts = []
        for name, caption in captions.items():
            file = self.run.path / FIGURES / name
            if file.is_file():
                parts.append(picture(file, caption))
            else:
                parts.append(to_do(f"The picture {name} is missing; run", self.command(maker)))
        return grid(parts, "stack")

    def command(self, name) -> str:
        """Return the command line that makes what is missing: of `train`, or `tfapp transfer NAME RUN`."""
        if name == "train":
            return self.run.record["command"]
        verb, _, options = name.partition(" ")
        return f"tfapp transfer {verb} {shlex.quote(str(self.run.path))} {options}".rstrip()


def _content(file, entries):
    """Return the content of a JSON file with these `Entries`, None if there is no file."""
    if not file.is_file():
        return None
    return read_record(file, entries, "remove it and run the command that made it again.")
