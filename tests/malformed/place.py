"""The folder that the commands are typed in: what lies there, and how it becomes what it was."""

import os
import shutil


def snapshot(place):
    """Return what lies below a place: of each path its kind, size, and time of the last change in nanoseconds."""
    found, waiting = {}, [place]
    while waiting:
        with os.scandir(waiting.pop()) as entries:
            for entry in entries:
                state = entry.stat(follow_symlinks=False)
                is_folder = entry.is_dir(follow_symlinks=False)
                name = os.path.relpath(entry.path, place)
                found[name] = (state.st_mode, None if is_folder else (state.st_size, state.st_mtime_ns))
                if is_folder:
                    waiting.append(entry.path)
    return found


class Place:
    """A copy of a folder of whole inputs.

    Args:
        seeds: `Path` of that folder.
        path: `Path` of the copy; what is there is removed.
    """

    def __init__(self, seeds, path):
        self.seeds, self.path = seeds, path
        shutil.rmtree(path, ignore_errors=True)
        shutil.copytree(seeds, path)
        self._whole = snapshot(path)

    def restore(self):
        """Make the copy whole again: far less is written than all of it."""
        now = snapshot(self.path)
        other = {name for name in now.keys() | self._whole.keys() if now.get(name) != self._whole.get(name)}
        for name in sorted(other):
            path = self.path / name
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)
        # What was below a removed folder may not have been other itself.
        for name in sorted(self._whole):
            path, seed = self.path / name, self.seeds / name
            if seed.is_dir():
                path.mkdir(exist_ok=True)
            elif not os.path.lexists(path):
                shutil.copy2(seed, path)
