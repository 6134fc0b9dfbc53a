"""The run folder of a transfer network."""

from dataclasses import asdict
from datetime import datetime, timezone
from pathlib import Path
from zipfile import BadZipFile

import keras
import numpy as np

from tfapp.data import open_multi_label
from tfapp.errors import InputError
from tfapp.files import atomic_path
from tfapp.runs.record import TRANSFER, versions
from tfapp.runs.run import RunFolder
from tfapp.transfer.backbones import open_backbone
from tfapp.transfer.config import EXTENDABLE, NetworkConfig, TransferConfig
from tfapp.transfer.features import View, extract
from tfapp.transfer.network import MODEL

FORMAT, FEATURES, CLUSTERS = 1, "features", "clusters.npz"


class TransferRun(RunFolder):
    """A transfer network in a folder: `run.json`, `features/`, `clusters.npz`, `history.csv`, `transfer.keras`."""

    kind, newest = TRANSFER, FORMAT

    @property
    def config(self):
        """The `TransferConfig`."""
        stored = self.record["config"]
        return TransferConfig(**{**stored, "degrade": tuple(stored["degrade"])})

    @property
    def network_config(self):
        """The part of it that decides the network alone, a `NetworkConfig`."""
        return NetworkConfig(**{name: getattr(self.config, name) for name in asdict(NetworkConfig())})

    def data(self):
        """Return the `MultiLabelSet` that it was trained on.

        Raises:
            InputError: It is gone, or has changed.
        """
        data = open_multi_label(self.record["data"]["spec"])
        if data.fingerprint() != self.record["data"]["fingerprint"]:
            raise InputError(
                f"{data.spec} has other images or labels than when {self.path} was trained on it."
            )
        return data

    def backbone(self):
        """Return the `Backbone`.

        Raises:
            InputError: Its file is gone, or has changed.
        """
        config = self.config
        backbone = open_backbone(
            config.backbone,
            config.high,
            weights=config.weights,
            layer=config.layer,
            input_scale=config.input_scale,
        )
        if backbone.description() != self.record["backbone"]:
            raise InputError(
                f"{config.backbone} has other weights than when {self.path} was trained; restore it."
            )
        return backbone

    def features(self, backbone, data, part, *, skip_bad=None, progress=None):
        """Return the `Features` of one part of the data, sharp and at low resolution, of the same images.

        Args:
            backbone: `Backbone`.
            data: `MultiLabelSet`.
            part: `train` or `test`.
            skip_bad: Whether to go on without images that cannot be read; None for what the run says.
            progress: Function of (name, images done, images in all), or None.

        Raises:
            InputError: As `extract`.
        """
        config, images = self.config, getattr(data, part)
        found = []
        for name, low in (("high", False), ("low", True)):
            view = View(backbone, config.resolution(), low, config.seed)
            report = None if progress is None else lambda done, total, name=name: progress(name, done, total)
            found.append(
                extract(
                    view,
                    images,
                    self.path / FEATURES,
                    f"{part}-{name}",
                    skip_bad=config.skip_bad if skip_bad is None else skip_bad,
                    progress=report,
                )
            )
        if not np.array_equal(found[0].kept, found[1].kept):
            raise InputError(
                f"{self.path / FEATURES} has features of other images sharp than at low resolution, as files have "
                f"changed meanwhile; remove {self.path / FEATURES}."
            )
        return found

    def centroids(self):
        """Return the centroids of the sharp features, float32 (clusters, dimension); None before they were found."""
        file = self.path / CLUSTERS
        if not file.is_file():
            return None
        try:
            with file.open("rb") as stream, np.load(stream, allow_pickle=False) as content:
                return content["centroids"]
        except (OSError, ValueError, KeyError, EOFError, BadZipFile):
            raise InputError(f"{file} is damaged; train again with --overwrite.") from None

    def keep_centroids(self, centroids):
        """Write what `centroids` returns."""
        with atomic_path(self.path / CLUSTERS) as temporary:
            np.savez(temporary, centroids=centroids)

    def load_network(self):
        """Return the trained transfer network, a Keras model from features to transferred features.

        Raises:
            InputError: The training has not ended, or the file is damaged.
        """
        file = self.path / MODEL
        if not file.is_file():
            raise InputError(
                f"{self.path} has no {MODEL}: its training has not ended; run the same `tfapp transfer train` to go on."
            )
        try:
            return keras.models.load_model(file)
        except (OSError, ValueError, KeyError) as error:
            raise InputError(f"{file} cannot be loaded ({error}); train again with --overwrite.") from error


def create_run(path, command, config, data, backbone):
    """Write `run.json` of a new run and return the run."""
    record = {
        "format": FORMAT,
        "kind": TRANSFER,
        "command": command,
        "created": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "config": asdict(config),
        "data": {"spec": data.spec, "fingerprint": data.fingerprint(), "class_names": list(data.class_names)},
        "backbone": backbone.description(),
        "versions": versions(),
    }
    run = TransferRun(Path(path), record)
    run.save()
    return run


def check_same(run, config, data, backbone):
    """Raise InputError if a run has other data, options or weights than these, but for those that may extend it."""
    run.refuse_other({"data": data.spec}, {"data": run.record["data"]["spec"]})
    now = {name: value for name, value in asdict(config).items() if name not in EXTENDABLE}
    run.refuse_other(now, asdict(run.config))
    if run.record["data"]["fingerprint"] != data.fingerprint():
        raise InputError(
            f"{data.spec} has other images or labels than when {run.path} was begun; use another --out."
        )
    if run.record["backbone"] != backbone.description():
        raise InputError(
            f"{config.backbone} has other weights than when {run.path} was begun; restore it, or use another --out."
        )
