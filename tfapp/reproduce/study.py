"""Study of a paper: its name, where it comes from, what it takes, and what it gives back.

The sub-rooms register their studies in `STUDIES`, and the command line makes a command of each. Nothing slow is
imported where studies are declared: what they need is imported when they run.
"""

import inspect
import shlex
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

from tfapp.errors import InputError
from tfapp.files import check_folder
from tfapp.report.result_table import ResultTable
from tfapp.runs.ahead import ahead_on
from tfapp.runs.progress import SILENT


@dataclass(frozen=True)
class Option:
    """How the command line describes and reads an option; stands in the `Annotated` type of a parameter.

    Attributes:
        help: One sentence or two.
        show_default: Text in place of the default where that is None, such as `by scale`.
        min: Smallest number that is allowed, or None.
        text: What is typed where the value is no plain number or text: `seeds` (a tuple of integers), `size` (height
            and width), `sizes` (a tuple of numbers above 0) or `solvers` (from names of solvers to the values of their
            parameters, None to search for the value; by default None, for all, or the name of a preset).
        positional: Whether the value stands without a flag before it.
    """

    help: str
    show_default: str | None = None
    min: int | None = None
    text: str | None = None
    positional: bool = False


@dataclass
class Result:
    """What a study made.

    Attributes:
        shown: `ResultTable`s and remarks, as text, in the order in which a person reads them.
        written: Paths of the files.
    """

    shown: list[ResultTable | str] = field(default_factory=list)
    written: list[Path] = field(default_factory=list)


@dataclass(frozen=True)
class Study:
    """A table or figure of a paper, or a study of its subject.

    Attributes:
        name: Of its command.
        heading: What it shows, without a full stop.
        source: The paper, and where in it.
        assumed: Paragraphs of what is assumed where the source does not say.
        scales: From the names of the scales that it is made at to what they mean; empty where there is one only.
        make: Function of the options and the keywords `progress`, a `tfapp.runs.progress.Progress`, and `command`,
            the line that was typed for it; it returns a `Result`. Its other parameters are the options, each of
            which has an `Option` in its `Annotated` type. One is `out`, the folder.
        help: Text for `--help`; by default all of the above in full.
        trains: Whether its trainings do not need each other, so that Dask's workers can do them ahead.
    """

    name: str
    heading: str
    source: str
    assumed: tuple[str, ...]
    scales: dict[str, str]
    make: Callable[..., Result]
    help: str = ""
    trains: bool = False

    @property
    def options(self) -> dict[str, inspect.Parameter]:
        """The parameters of `make` that are options, by name."""
        parameters = inspect.signature(self.make).parameters
        return {name: one for name, one in parameters.items() if one.kind is not one.KEYWORD_ONLY}

    @property
    def description(self) -> str:
        """The text for `--help`."""
        if self.help:
            return self.help
        scales = [f"--scale {name}: {text}" for name, text in self.scales.items()]
        first = " ".join([f"After {self.source}.", *self.assumed[:1]])
        return "\n\n".join([f"{self.heading}.", first, *self.assumed[1:], *scales])

    def run(
        self, options: dict[str, Any], progress=SILENT, command: str = "", dask: str | None = None
    ) -> Result:
        """Make the tables and figures.

        Args:
            options: Values of the options by name; those that are left out have their defaults.
            progress: `Progress` to report to.
            command: The line to make it again with, for the files.
            dask: Address of a Dask scheduler, or `local`, whose workers do its trainings ahead; None for none.

        Raises:
            InputError: For anything in the options or the data that cannot be used, before anything is written.
        """
        scale = options.get("scale")
        if scale is not None and scale not in self.scales:
            raise InputError(f"Unknown `scale` {scale!r}; choose one of: {', '.join(self.scales)}.")
        check_folder(options["out"])
        with ahead_on(dask):
            return self.make(**options, progress=progress, command=command)


def parameter(name, kind, option, default=inspect.Parameter.empty):
    """Return the `inspect.Parameter` of an option of a study, whose type is `kind`."""
    return inspect.Parameter(
        name, inspect.Parameter.POSITIONAL_OR_KEYWORD, default=default, annotation=Annotated[kind, option]
    )


def with_signature(make, parameters):
    """Return a function of keywords, `progress` and `command` among them, with the signature that a `Study` reads."""
    keywords = [inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY) for name in ("progress", "command")]
    make.__signature__ = inspect.Signature([*parameters, *keywords])
    return make


def spec_of(data, reader, made_of):
    """Return the dataset specification that `data` of a table means.

    Args:
        data: Folder, or `READER:PATH`.
        reader: Name of the reader of the table's data.
        made_of: Start of the sentence for other data, such as `Table 3 is made of CamVid`.
    """
    from tfapp.data import names_dataset

    if not names_dataset(data):
        return f"{reader}:{data}"
    if data.partition(":")[0] != reader:
        raise InputError(f"{made_of}: expected `data` FOLDER or {reader}:FOLDER; got {data!r}.")
    return data


def files_of(out, name, *suffixes):
    """Return the paths of files of one name in a folder, such as `files_of(out, "tv-study", ".md", ".csv")`."""
    return [Path(out) / f"{name}{suffix}" for suffix in suffixes]


# What a command says of where and how often, not of how.
_NO_SETTINGS = ("--data", "--out", "--seeds", "--scale", "--overwrite", "--dask")


def as_set(scale, command):
    """Return the sentence on a scale, with what the command that was typed sets in its place.

    Args:
        scale: What the scale means, in words.
        command: The command line.
    """
    settings = []
    for word in shlex.split(command):
        if word.startswith("--"):
            settings.append([word])
        elif settings:
            settings[-1].append(word)
    told = [" ".join(words) for words in settings if words[0].partition("=")[0] not in _NO_SETTINGS]
    if not told:
        return scale
    return f"{scale} The command sets {', '.join(told)}, which holds in place of what these remarks say."
