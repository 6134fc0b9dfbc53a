"""Answers of a served detector as boxes of people's images: what `tfapp detect predict` does with a run."""

from pathlib import Path

import numpy as np
from PIL import Image

from tfapp.data.images import read_image
from tfapp.data.own_pngs import save_own_png
from tfapp.detection.detections import Detections
from tfapp.detection.pictures import draw_found
from tfapp.detection.prediction import BOXES, PICTURE, check_places, count_table, write_boxes
from tfapp.errors import InputError
from tfapp.export.box_rows import form_failure, rows_of
from tfapp.export.client.errors import ServingError
from tfapp.export.detector_requests import sample_picture
from tfapp.export.manifest import read_manifest
from tfapp.export.versions import folder_of_served

_ALIASES = ("boxes", "scores", "classes", "counts")
_AXES = (3, 2, 2, 1)
# Where their number is not known: a table has a column for each.
_MOST_CLASSES = 10_000


class ServedBoxes:
    """Form of the answers of a detector: a picture with boxes of each image, and `boxes.csv` with the boxes of all.

    Until `name_classes` classes are numbers, as a server does not tell their names.

    Args:
        score: Least score of boxes that are written, of those that the server gives.
    """

    suffix = PICTURE
    wanted = list(_ALIASES)
    # Of the first box of a trial image: suppression may choose other ones of those that are as likely.
    compared = "scores"

    def __init__(self, score=0.5):
        self._score, self._names, self._found = score, None, []

    def fits(self, outputs):
        """Return whether a signature has these outputs, `tfapp.export.client.tensors.Tensor` by alias."""
        axes = [len(getattr(outputs.get(alias), "shape", None) or ()) for alias in _ALIASES]
        return tuple(axes) == _AXES

    def name_classes(self, exported, version):
        """Take the names of the classes from the export that is served.

        Args:
            exported: Folder of the export, or of its versions.
            version: Version that the server answers, or None if that is not known.

        Raises:
            InputError: The export is none of a detector.
            ExportError: There is no export there, or none of this version.
        """
        folder = folder_of_served(exported, version)
        manifest = read_manifest(folder)
        if manifest is None or manifest.get("kind") != "detector":
            raise InputError(
                f"{folder} is no export of a detector, as the server has one; leave `exported` out."
            )
        self._names = manifest["class_names"]

    def trial(self, size, channels):
        """Return a picture in which detectors find something, uint8 `(height, width, channels)`."""
        return sample_picture(size, channels)

    def check_places(self, paths, files, out, overwrite):
        """As `tfapp.detection.prediction.check_places`."""
        check_places(paths, files, out, overwrite)

    def result(self, file, outputs, index):
        """Return the boxes, scores and classes of one image of an answer, arrays by name.

        Args:
            file: The image, for messages.
            outputs: Arrays by alias.
            index: Of the image in the answer.

        Raises:
            ServingError: What is no list of boxes, or of a class without a name.
        """
        one = {alias: np.asarray(outputs[alias][index : index + 1]) for alias in _ALIASES}
        failure = form_failure(one) or self._class_failure(rows_of(one, 0)[2])
        if failure is not None:
            raise ServingError(
                f"The answer for {file} is no list of boxes: {failure}; is the model the one that was exported?",
                "MISMATCH",
            )
        return dict(zip(_ALIASES, rows_of(one, 0), strict=False))

    def _class_failure(self, classes):
        most = (_MOST_CLASSES if self._names is None else len(self._names)) - 1
        wrong = classes[(classes < 0) | (classes > most)]
        return f"`classes` expected from 0 to {most}, got {wrong[0]}" if len(wrong) else None

    def write(self, file, result, path):
        """Write the picture of an image with the boxes of its `result`, and keep these for `finish`."""
        found = Detections(result["boxes"], result["classes"].astype(np.int64), result["scores"])
        found = found[found.scores >= self._score]
        save_own_png(Image.fromarray(draw_found(read_image(file), found, self._names_for([found]))), path)
        self._found.append((file, found))

    def finish(self, out):
        """Write `boxes.csv`, and return the `ResultTable` of objects by class; None where no image was answered."""
        if not self._found:
            return None
        # Answers come in any order.
        found = sorted(self._found, key=lambda one: str(one[0]))
        names = self._names_for([objects for _, objects in found])
        write_boxes(found, names, Path(out) / BOXES)
        return count_table(found, names)

    def _names_for(self, found):
        if self._names is not None:
            return self._names
        return [str(label) for label in range(1 + max(int(max(one.labels, default=-1)) for one in found))]
