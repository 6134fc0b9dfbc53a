"""Run of any kind in a folder: its record, its trained model, and what other commands can make of it."""

import shlex
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tfapp.claims import refuse_claimed_files
from tfapp.errors import InputError
from tfapp.files import check_folder, remove_contents, write_json
from tfapp.records import Entries
from tfapp.runs.record import (
    COMMANDS,
    RECORD,
    check_settings,
    new_run_record,
    other_settings,
    read_run_record,
    run_kind,
)


class Run:
    """What runs of every kind have; each kind derives its own class.

    Attributes:
        path: The folder.
        record: Content of `run.json`.
        kind: Kind of the run, a key of `tfapp.runs.record.COMMANDS`.
        newest: Newest format of the record that can be read, and the one that is written.
        holds: What a run of this kind holds, for sentences.
        model_file: Name of the file of the trained model.
        after_export: Command lines to try next once it was exported.
        export_remarks: Sentences to say once it was exported.
        serves_refined: Whether refined poses may be served of it.
        entries: `tfapp.records.Entries` of what the record of a run of this kind holds.
    """

    kind = None
    newest = 1
    holds = "a model"
    model_file = "model.keras"
    after_export = ()
    export_remarks = ()
    serves_refined = False
    entries = Entries()
    _weights = None

    def __init__(self, path, record):
        self.path = Path(path)
        self.record = record

    @property
    def typed_path(self):
        """The folder as a word of a command line, in quotes where it needs them."""
        return shlex.quote(str(self.path))

    @classmethod
    def open(cls, path):
        """Open an existing run.

        Raises:
            InputError: The folder holds no run of this kind, a damaged one, or one of a newer version.
        """
        run = cls(path, read_run_record(path, cls.kind, cls.newest, cls.entries))
        check_settings(path, run.check_record)
        return run

    def check_record(self):
        """Raise InputError for an entry of the record that is out of range, or does not fit the others."""

    @classmethod
    def begun(cls, path, overwrite=False):
        """Return the run that was begun in a folder and is to be resumed; None if a new one is to begin there.

        Raises:
            InputError: As `check_free`.
        """
        path = Path(path)
        cls.check_free(path, overwrite)
        return cls.open(path) if (path / RECORD).is_file() and not overwrite else None

    @classmethod
    def check_free(cls, path, overwrite=False):
        """Raise InputError if a folder holds anything else than a run of this kind.

        Args:
            path: The folder; it need not exist.
            overwrite: Whether a run that is there is going to be removed: it may be damaged then, or of a newer
                version.
        """
        check_folder(path)
        if not path.exists() or not any(path.iterdir()):
            return
        if not (path / RECORD).is_file():
            raise InputError(f"Folder {path} is not empty and not a run; choose another `out`.")
        if not overwrite or run_kind(path) not in (cls.kind, None):
            cls.open(path)

    @classmethod
    def create(cls, path, command, **content):
        """Begin a run, in place of one that a folder holds, and return it.

        Args:
            path: The folder.
            command: The command line that makes the run.
            **content: What `run.json` keeps besides, by its names there.

        Raises:
            InputError: The folder holds something else than a run of this kind, or a file that another process writes.
        """
        path = Path(path)
        cls.check_free(path, overwrite=True)
        refuse_claimed_files(path)
        remove_contents(path)
        run = cls(path, new_run_record(cls.kind, cls.newest, command, content))
        run.save()
        return run

    def save(self):
        """Write `run.json`."""
        write_json(self.path / RECORD, self.record)

    def record_extension(self, command, **settings):
        """Write into `run.json` what a training that has ended was extended by; no more than it says already.

        Not before its end: until then the model, and what was measured of it, are those of the shorter training.

        Args:
            command: The command line that extended it; "" to keep the one that is there.
            **settings: The options that may be others in a run that resumes, such as `epochs`.
        """
        config = self.record["config"]
        if any(config.get(name) != value for name, value in settings.items()):
            config.update(settings)
            self.record["command"] = command or self.record["command"]
            self.save()

    def reopened(self, open_data, holds):
        """Return the data that it was trained on, of which its record has `spec` and `fingerprint`.

        Args:
            open_data: Function of the text that names them.
            holds: What they hold, for the message, such as "images or labels".

        Raises:
            InputError: They are gone, or have changed.
        """
        data = open_data(self.record["data"]["spec"])
        self.check_fingerprint(data, holds, "was trained on it; restore them, or train anew.")
        return data

    def check_fingerprint(self, data, holds, when):
        """Raise InputError if data are not those that it was trained on.

        Args:
            data: As `tfapp.data.labelled.has_fingerprint` takes them.
            holds: As of `reopened`.
            when: How the message ends behind the folder of the run.
        """
        from tfapp.data.labelled import has_fingerprint

        if not has_fingerprint(data, self.record["data"]["fingerprint"]):
            raise InputError(f"{data.spec} has other {holds} than when {self.path} {when}")

    def refuse_other(self, now, then):
        """Raise InputError for the first setting of `now`, by name, that is another in `then`."""
        changed = other_settings(now, then)
        if changed:
            name = changed[0]
            raise InputError(
                f"{self.path} holds a run with another {name.replace('_', ' ')} ({then.get(name)}, not {now[name]}); "
                "use another `out`, or `overwrite` to start again."
            )

    def refuse_segmenter_options(self, options):
        """Raise InputError for the first of `options` that was given: they are for segmenters.

        Args:
            options: Dictionary from options, as the message names them, to whether each was given.
        """
        given = next((option for option, value in options.items() if value), None)
        if given is not None:
            raise InputError(
                f"{given} is for segmenters; {self.path} holds {self.holds}, leave the option out."
            )

    def check_trained(self):
        """Raise InputError if the training has not ended, before the first of several runs is measured for nothing."""
        if not (self.path / self.model_file).is_file():
            raise InputError(
                f"{self.path} has no {self.model_file}: its training has not ended; run the same "
                f"`{COMMANDS[self.kind]}` again to resume."
            )

    def load_model(self):
        """Return the trained Keras model.

        Raises:
            InputError: The training has not ended, or the file cannot be loaded.
        """
        from tfapp.landscape.fingerprint import hash_weights
        from tfapp.runs.checkpoints import load_kept

        self.check_trained()
        model = load_kept(self.path / self.model_file)
        self._weights = hash_weights(model)
        return model

    @property
    def weights(self):
        """SHA-256 over all weights of the model that `load_model` returned last; it is loaded if it was not yet.

        What was measured or made of a run says by it of which weights it is: a run may be trained further afterwards.

        Raises:
            InputError: As `load_model`.
        """
        if self._weights is None:
            self.load_model()
        return self._weights

    def is_current(self, weights):
        """Return whether something is of the trained model as it is now, as far as that can be told.

        Args:
            weights: The `weights` that it says; None if it says none, as what earlier versions wrote.
        """
        if weights is None:
            return True
        try:
            return weights == self.weights
        except InputError:  # of a model that is gone, or damaged, what was measured is all that there is
            return True

    def solution(self, *, trajectory=False, bfloat16=False, held_out=False):
        """Return the `Solution` that a landscape is drawn around.

        Args:
            trajectory: Whether its directions are to be those of a recorded trajectory.
            bfloat16: Whether the loss is to be measured in half precision.
            held_out: Whether the loss is to be that of data that nothing was learned from.

        Raises:
            InputError: Runs of this kind have no landscape, or none of this sort.
        """
        raise InputError(f"{self.path} holds {self.holds}, of which no landscape can be drawn.")

    def export(self, base_dir, version=None, *, post_tv=None, gap=False, classes=None, **serving):
        """Write `base_dir/<version>` for TensorFlow Serving, and return that folder.

        Args:
            base_dir: Folder of the served model.
            version: Version to write; None for the highest plus one.
            post_tv, gap, classes: Of segmenters; see `tfapp.segmentation.run.Run.export`.
            serving: `max_pixels` and `status`, where images of any size are served; `refined` of runs of poses.

        Raises:
            InputError: Runs of this kind cannot be served, or not with these options; the training has not ended.
            ExportError: As `tfapp.export.export`.
        """
        raise InputError(f"{self.path} holds {self.holds}, which cannot be served.")


@dataclass(frozen=True)
class Solution:
    """A trained model and the data that its loss is measured on: what a landscape is drawn around.

    Attributes:
        path: Folder of the run.
        title: What was learned, for pictures.
        load_model: Function to the compiled model.
        sample: Function of (count, seed) to the data of the loss, the arguments of `landscape` behind the model.
        trajectory: Folder of the recorded trajectory, whether there is one or not.
        moved: Names of the layers that directions of this run alone move; None for all that was trained.
        initial: Function to the compiled model at the weights that its training began with, or None.
    """

    path: Path
    title: str
    load_model: Callable
    sample: Callable
    trajectory: Path | None = None
    moved: list[str] | None = None
    initial: Callable | None = None
