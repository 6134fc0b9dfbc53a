"""A run in a folder: its record, and what keeps another run from being mixed with it."""

from dataclasses import dataclass
from pathlib import Path

from tfapp.errors import InputError
from tfapp.files import check_folder, write_json
from tfapp.runs.record import RECORD, read_run_record


@dataclass(frozen=True)
class RunFolder:
    """What runs of every kind have.

    Attributes:
        path: The folder.
        record: Content of `run.json`.
        kind: Kind of the run, a key of `tfapp.runs.record.COMMANDS`.
        newest: Newest format of the record that can be read.
    """

    path: Path
    record: dict
    kind = None
    newest = 1

    @classmethod
    def open(cls, path):
        """Open an existing run.

        Raises:
            InputError: The folder holds no run of this kind, or one of a newer version.
        """
        return cls(Path(path), read_run_record(path, cls.kind, cls.newest))

    @classmethod
    def check_free(cls, path):
        """Raise InputError if a folder holds anything else than a run of this kind."""
        check_folder(path)
        if path.exists() and any(path.iterdir()):
            if not (path / RECORD).is_file():
                raise InputError(f"Folder {path} is not empty and not a run; choose another --out.")
            cls.open(path)

    def save(self):
        """Write `run.json`."""
        write_json(self.path / RECORD, self.record)

    def refuse_other(self, now, then):
        """Raise InputError for the first setting of `now`, by name, that is another in `then`."""
        for name, value in now.items():
            if value != then.get(name):
                raise InputError(
                    f"{self.path} holds a run with another {name.replace('_', ' ')} ({then.get(name)}, not {value}); "
                    "use another --out, or --overwrite to start again."
                )
