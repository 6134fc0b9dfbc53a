"""Features of images, extracted once and kept in a folder from which a killed extraction resumes."""

import hashlib
import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tfapp.archives import DAMAGED, open_arrays
from tfapp.errors import InputError
from tfapp.files import atomic_path, remove_abandoned, write_json
from tfapp.records import Anything, Entries, read_record

DETAILS, SHARD, BATCH = "features.json", 128, 32
# Difference of features, as a share of the largest of them, up to which they are the same.
_SAME = 0.01
# What a folder of features rests on, in words.
MEANINGS = {
    "backbone": "another backbone",
    "images": "other images",
    "resolution": "another resolution",
    "seed": "another seed of the degradations",
}


@dataclass(frozen=True, eq=False)
class Features:
    """Features of the images of a split that could be read.

    Attributes:
        values: float32 (n, dimension).
        kept: int64 (n,), the places of their images in the split, rising.
    """

    values: np.ndarray
    kept: np.ndarray


@dataclass(frozen=True)
class FeatureExtractor:
    """A backbone with the resolution at which it sees images.

    Attributes:
        backbone: `Backbone`.
        resolution: `tfapp.data.Resolution`.
        low: Whether it sees them at low resolution.
        seed: Of random degradations.
        described: The description that its features are filed under; None for that of the backbone as it is.
    """

    backbone: object
    resolution: object
    low: bool
    seed: int
    described: dict | None = None

    def image(self, split, index):
        """Return one image, float32 (side, side, 3) in [0, 1]."""
        image = split.read(index)
        if self.low:
            return self.resolution.low_resolution(image, self.seed, index)
        return self.resolution.sharp(image)

    def details(self, split, by_size=False):
        """Return what the features of a split depend on, plain JSON values.

        Args:
            split: `MultiLabelImages`.
            by_size: Whether files count by their sizes, as in version 0.1, and not by what they hold.
        """
        digest = hashlib.sha256()
        split.update(digest, by_size)
        return {
            "backbone": self.described or self.backbone.description(),
            "images": digest.hexdigest(),
            "resolution": self._resolution(),
            "seed": self.seed if self.low and self.resolution.degradations else None,
        }

    def _resolution(self):
        resolution = self.resolution
        if not self.low:
            return {"high": resolution.high}
        degradations = [[noise.kind, noise.amount] for noise in resolution.degradations]
        found = {"high": resolution.high, "low": resolution.low, "degradations": degradations}
        if resolution.further:
            found["further"] = list(resolution.further)
        return found | {"straight": True} if resolution.straight else found


def extract(
    extractor,
    split,
    folder,
    name,
    *,
    skip_bad=False,
    progress=None,
    begun=None,
    compared=False,
    elsewhere=None,
):
    """Return the features of all images of a split; those that the folder has are not extracted again.

    Args:
        extractor: `FeatureExtractor`.
        split: `MultiLabelImages`.
        folder: Where features are kept: in `NAME-HASH/`, whose hash is over all that they depend on.
        name: Word for the split and the extractor, such as `train-low`.
        skip_bad: Whether to leave out images that cannot be read.
        progress: Function of (images done, images in all), or None.
        begun: When the run that keeps the features began, seconds of the epoch; None where no features of version 0.1
            are to be used.
        elsewhere: Another folder of features: those that it has of the same images, backbone and resolution are copied.
        compared: Whether features that the folder has are compared with those of the backbone as it is, of one image:
            where its description does not tell all of it.

    Returns:
        `Features`.

    Raises:
        InputError: An image that cannot be read, without `skip_bad`; features in that folder that are damaged,
            or of another backbone, other images or another resolution.
    """
    home, details = _home(extractor, split, Path(folder), name, begun)
    _check_home(home, details)
    if compared:
        _check_by_value(extractor, split, home)
    remove_abandoned(home)
    shards, report = [], progress or (lambda done, total: None)
    with ThreadPoolExecutor(4) as readers:
        for first in range(0, len(split), SHARD):
            places = range(first, min(first + SHARD, len(split)))
            file = home / f"{first:07d}.npz"
            candidates = (file,) if elsewhere is None else (file, Path(elsewhere) / home.name / file.name)
            kept = next((one for one in candidates if one.is_file()), None)
            shard = (
                _extracted(extractor, split, places, readers, skip_bad)
                if kept is None
                else _stored(kept, places, extractor.backbone.dimension)
            )
            if not file.is_file():
                with atomic_path(file) as temporary:
                    np.savez(temporary, **vars(shard))
            if len(shard.kept) < len(places) and not skip_bad:
                _refuse_skipped(split, places, shard)
            shards.append(shard)
            report(places.stop, len(split))
    return _joined(shards, home)


def _home(extractor, split, folder, name, begun):
    """Return the folder of the features of a split, and what they depend on."""

    def named(by_size):
        details = extractor.details(split, by_size)
        key = hashlib.sha256(json.dumps(details, sort_keys=True).encode()).hexdigest()
        return folder / f"{name}-{key[:12]}", details

    home, details = named(by_size=False)
    if begun is not None and not home.is_dir():
        # Features of version 0.1 are filed by the sizes of the images. They are of these images if no file changed
        # since the run began, which its record says wherever the folder was copied; otherwise nobody can tell, and they
        # are extracted again, into a folder of their own.
        older, older_details = named(by_size=True)
        if older.is_dir() and split.unchanged_since(begun):
            return older, older_details
    return home, details


def _check_home(home, details):
    file = home / DETAILS
    # A folder without either was made when the disk was full.
    if not home.is_dir() or not (file.exists() or any(home.glob("[0-9]*.npz"))):
        write_json(file, details)
        return
    try:
        stored = read_record(
            file, Entries({name: Anything() for name in details}), f"remove the folder {home}."
        )
    except OSError:
        raise InputError(f"{file} is missing; remove the folder {home}.") from None
    changed = [name for name in details if stored[name] != details[name]]
    if changed:
        raise InputError(
            f"{home} holds features of {MEANINGS[changed[0]]}; remove it, or choose another `out`."
        )


def _check_by_value(extractor, split, home):
    """Raise InputError if the backbone gives other features of the first image than those that are kept of it."""
    file = next(iter(sorted(home.glob("[0-9]*.npz"))), None)
    if file is None:
        return
    first = int(file.stem) if file.stem.isdigit() else 0
    kept = _stored(file, range(first, min(first + SHARD, len(split))), extractor.backbone.dimension)
    if not len(kept.kept):
        return
    now = extractor.backbone.features(extractor.image(split, int(kept.kept[0]))[None])[0]
    # Processors differ in the last bits, and half precision in more of them.
    if not np.allclose(now, kept.values[0], rtol=0, atol=_SAME * max(np.abs(kept.values[0]).max(), 1e-6)):
        raise InputError(
            f"{extractor.backbone.name} gives other features of {split.names[int(kept.kept[0])]} than those kept in "
            f"{home}; restore it, or train another `out`."
        )


def _stored(file, places, dimension):
    """Return the `Features` of the images at some places, a range, that a file holds."""
    again = "remove it and run the same command again."
    try:
        with open_arrays(file) as content:
            found = Features(content["values"], content["kept"])
    except DAMAGED as error:
        raise InputError(f"{file} is damaged ({error}); {again}") from None
    values, kept = found.values, found.kept
    if values.dtype != np.float32 or values.shape != (len(kept), dimension):
        raise InputError(
            f"{file} is damaged: its values are {values.dtype} {values.shape}, expected float32 "
            f"{(len(kept), dimension)}; {again}"
        )
    if not np.isfinite(values).all():
        raise InputError(f"{file} is damaged: a feature is NaN or infinite; {again}")
    rising = kept.dtype == np.int64 and kept.ndim == 1 and (np.diff(kept) > 0).all()
    if not rising or (len(kept) and not (places.start <= kept[0] and kept[-1] < places.stop)):
        raise InputError(
            f"{file} is damaged: its images are none of the numbers {places.start} to {places.stop - 1}; {again}"
        )
    return found


def _extracted(extractor, split, places, readers, skip_bad):
    images = list(readers.map(lambda place: _image(extractor, split, place, skip_bad), places))
    kept = [place for place, image in zip(places, images, strict=True) if image is not None]
    read = [image for image in images if image is not None]
    values = [
        extractor.backbone.features(np.stack(read[first : first + BATCH]))
        for first in range(0, len(read), BATCH)
    ]
    values = np.concatenate(values) if values else np.empty((0, extractor.backbone.dimension), np.float32)
    if not np.isfinite(values).all():
        raise InputError(
            f"The backbone {extractor.backbone.name} gives features that are not finite; expected trained weights."
        )
    return Features(values.astype(np.float32), np.array(kept, np.int64))


def _image(extractor, split, place, skip_bad):
    try:
        return extractor.image(split, place)
    except InputError as error:
        if skip_bad:
            return None
        raise InputError(f"{error} Or leave out such images by `skip_bad`.") from error


def _refuse_skipped(split, places, shard):
    missing = sorted(set(places) - set(shard.kept.tolist()))
    raise InputError(
        f"The image {split.names[missing[0]]} could not be read when features were extracted; restore it and "
        "remove the folder of the features, or go on without it by `skip_bad`."
    )


def _joined(shards, home):
    values, kept = (np.concatenate([getattr(shard, name) for shard in shards]) for name in ("values", "kept"))
    if not len(kept):
        raise InputError(f"No image could be read; {home} has no features.")
    return Features(values, kept)
