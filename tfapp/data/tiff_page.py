"""One picture of a TIFF file that holds several: a page of a stack, or a level of a pyramid."""

import io
import struct
from dataclasses import dataclass, field

from tfapp.data.file_parts import FilePart
from tfapp.data.tiff_directories import Directories


@dataclass(frozen=True)
class TiffPage(FilePart):
    """A picture by its directory.

    Attributes:
        offset: Where in the file its directory is.
        orientation: Number of the orientation that holds where the picture itself tells none; None for upright.
    """

    offset: int
    orientation: int | None = field(default=None, kw_only=True)

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
