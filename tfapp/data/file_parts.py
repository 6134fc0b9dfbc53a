"""One picture of a file that holds several, given wherever the path of an image is read."""

import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class FilePart(os.PathLike):
    """A picture that is not all of its file; its path is that of the file.

    Attributes:
        file: The file.
    """

    file: Path

    @property
    def stem(self):
        """Name that it would have as a file, without suffix."""
        return self.file.stem

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
