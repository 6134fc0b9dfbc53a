"""Folders that hold something of every scene, made by a command that leaves finished scenes as they are."""

from tfapp.cli.console import ConsoleProgress
from tfapp.errors import InputError
from tfapp.files import write_json
from tfapp.records import Entries, TableOf, Text, read_record
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

    The record also has a hash of each scene's depth, mask and camera: what is finished of a scene that changed since is
    no longer of that scene, and is made anew. It is written with the first scene: of a command that is refused there
    nothing is left.

    Args:
        out: `Path` of the folder.
        command: Name of the command, which the record is called after.
        held: What the folder holds, such as `labels`.
        kind: Folder in it of the JSON files, of which that of a scene is written last.
        record: What they are made with, a dict of JSON values.

    Raises:
        InputError: The folder holds those of another record, or other files.
    """

    def __init__(self, out, command, held, kind, record):
        self._out, self._file, self._record = out, out / f"{command}.json", record
        self._folder = out / kind
        self._then = self._read(out, command, held)
        self._hashes, self._outdated = {}, []

    def _read(self, out, command, held):
        """Return the record that is there, or None."""
        try:
            then = read_record(self._file, _RECORD, _REMEDY)
        except FileNotFoundError:
            if out.is_dir() and any(out.iterdir()):
                raise InputError(
                    f"Folder {out} is not empty and not of `tfapp pose {command}`; choose another `out`."
                ) from None
            return None
        changed = other_settings(self._record, then)
        if changed:
            told = " and ".join(_told(name, self._record[name], then.get(name)) for name in changed)
            raise InputError(f"{out} holds {held} of {told}; {_REMEDY}")
        return then

    def missing(self, folder):
        """Return the numbers of the scenes of a `SceneFolder` that are to be worked on, and tell which were before.

        Raises:
            InputError: A file of a scene is missing or cannot be read.
        """
        with ConsoleProgress().task("comparing", len(folder)) as task:
            for place, stem in enumerate(folder.stems):
                self._hashes[stem] = folder.content_hash(place)
                task.advance()
        finished = [stem for stem in folder.stems if self._result(stem).is_file()]
        kept = (self._then or {}).get(_HASHES, {})
        changed = [stem for stem in finished if stem in kept and kept[stem] != self._hashes[stem]]
        unknown = [stem for stem in finished if stem not in kept]
        _tell(changed, unknown, len(folder), self._out)
        self._outdated = changed + unknown
        again = {*self._outdated}
        return [
            place
            for place, stem in enumerate(folder.stems)
            if stem in again or not self._result(stem).is_file()
        ]

    def begin(self):
        """Write the record, unless it is there: a scene could be worked on."""
        # Before the record names the new scenes: what is left of the old ones would count as theirs.
        for stem in self._outdated:
            self._result(stem).unlink(missing_ok=True)
        self._outdated = []
        kept = (self._then or {}).get(_HASHES, {})
        now = {**self._record, _HASHES: {**kept, **self._hashes}}
        if now != self._then:
            write_json(self._file, now)
            self._then = now

    def _result(self, stem):
        return self._folder / f"{stem}.json"


_HASHES = "scene hashes"
_RECORD = Entries(further={_HASHES: TableOf(Text())})
_REMEDY = "choose another `out`, or remove this folder."


def _told(name, now, then):
    """Return what a setting of a record was that is another now."""
    if isinstance(now, str) and isinstance(then, str):
        return f"{'other' if name.endswith('s') else 'another'} {name} ({then} instead of {now})"
    return f"another {name}"


def _tell(changed, unknown, count, out):
    """Print which finished scenes are done anew."""
    if changed:
        ConsoleProgress().say(
            f"{len(changed)} of {count} scenes changed since they were done, in depth, mask, region or camera, the "
            f"first is {changed[0]}: done anew"
        )
    if unknown:
        ConsoleProgress().say(
            f"{out} does not tell of {len(unknown)} finished scenes what they were made from, as earlier versions did "
            "not keep it: done anew"
        )
