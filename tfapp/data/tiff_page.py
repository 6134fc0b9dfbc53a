"""One picture of a TIFF file that holds several, given wherever the path of an image is read."""

import io
import os
import struct
from dataclasses import dataclass
from pathlib import Path

from tfapp.data.tiff_directories import Directories


@dataclass(frozen=True)
class TiffPage(os.PathLike):
    """A picture by its directory; those who make them say what its name and its words are.

    Attributes:
        file: The TIFF file.
        offset: Where in the file its directory is.
    """

    file: Path
    offset: int

    @property
    def suffix(self):
        return self.file.suffix

    @property
    def name(self):
        return self.stem + self.suffix

    @property
    def parent(self):
        return self.file.parent

    def __fspath__(self):
        return str(self.file)

    def open(self):
        """Return a file object of the TIFF in which this picture is the first: no other has to be read."""
        return io.BufferedReader(_FromPage(self.file, self.offset))


class _FromPage(io.FileIO):
    """A TIFF file whose header points to another directory than the one on disk does."""

    def __init__(self, path, offset):
        super().__init__(path)
        try:
            found = Directories(self)
        except BaseException:
            self.close()
            raise
        self._start, code = found.pointer
        self._pointer = struct.pack(found.order + code, offset)
        self.seek(0)

    def readinto(self, buffer):
        begin = self.tell()
        count = super().readinto(buffer)
        for index, value in enumerate(self._pointer, self._start - begin):
            if 0 <= index < count:
                buffer[index] = value
        return count
