"""Folders that hold something of every scene, made by a command that leaves finished scenes as they are."""

from tfapp.errors import InputError
from tfapp.files import write_json
from tfapp.records import TableOf, read_record
from tfapp.runs.record import other_settings


def scenes_for(run, scenes, foreground, object_id, camera_type):
    """Return the `SceneFolder` of scenes for a run, which says what object of a BOP dataset it is of.

    Args:
        run: `PoseRun` or `FittedRun`.
        scenes, foreground, object_id, camera_type: As typed.
    """
    from tfapp.pose.scenes.bop_layout import is_bop
    from tfapp.pose.scenes.scene_folder import SceneFolder

    if object_id is None and is_bop(scenes):
        object_id = run.object_id
    return SceneFolder(scenes, foreground, object_id=object_id, camera_type=camera_type)


class SceneOutputs:
    """A folder with a JSON file for each finished scene, and a record of what all of them were made with.

    The record is written with the first scene: of a command that is refused there nothing is left.

    Args:
        out: `Path` of the folder.
        command: Name of the command, which the record is called after.
        held: What the folder holds, such as `labels`.
        record: What they are made with, a dict of JSON values.

    Raises:
        InputError: The folder holds those of another record, or other files.
    """

    def __init__(self, out, command, held, record):
        self._out, self._file, self._record = out, out / f"{command}.json", record
        self._begun = self._is_begun(out, command, held)

    def _is_begun(self, out, command, held):
        try:
            then = read_record(self._file, TableOf(), "choose another `out`, or remove this folder.")
        except FileNotFoundError:
            if out.is_dir() and any(out.iterdir()):
                raise InputError(
                    f"Folder {out} is not empty and not of `tfapp pose {command}`; choose another `out`."
                ) from None
            return False
        changed = other_settings(self._record, then)
        if changed:
            raise InputError(
                f"{out} holds {held} of another {' and '.join(changed)}; choose another `out`, or remove this folder."
            )
        return True

    def missing(self, kind, stems):
        """Return the numbers of the scenes, by their names, that have no file `kind/NAME.json` yet."""
        return [
            place for place, stem in enumerate(stems) if not (self._out / kind / f"{stem}.json").is_file()
        ]

    def begin(self):
        """Write the record, unless it is there: a scene could be worked on."""
        if not self._begun:
            write_json(self._file, self._record)
            self._begun = True
