"""The run folder of a transfer network, and the whole pipeline as one Keras model."""

from dataclasses import asdict, replace
from datetime import datetime
from pathlib import Path

import keras
import numpy as np

from tfapp.archives import DAMAGED, open_arrays
from tfapp.data import open_multi_label
from tfapp.errors import InputError
from tfapp.files import atomic_path
from tfapp.records import Entries, ListOf, Moment, TableOf, Text, entries_of, read_record
from tfapp.runs.record import TRANSFER
from tfapp.runs.run import Run
from tfapp.transfer.backbones import ARCHITECTURE, changes, open_backbone
from tfapp.transfer.classifiers import read_classifiers
from tfapp.transfer.config import FIRST_DEFAULTS, NetworkConfig, TransferConfig
from tfapp.transfer.evaluation import CLASSIFIERS
from tfapp.transfer.feature_names import TRANSFERRED
from tfapp.transfer.features import FeatureExtractor, extract
from tfapp.transfer.network import MODEL
from tfapp.transfer.targets import targets_of

FEATURES, CLUSTERS = "features", "clusters.npz"

_ENTRIES = Entries(
    {
        "command": Text(),
        "created": Moment(),
        "config": replace(entries_of(TransferConfig), closed=True),
        "data": Entries({"spec": Text(), "fingerprint": Text(), "class_names": ListOf(Text())}),
        "backbone": TableOf(),
    }
)


class TransferRun(Run):
    """A transfer network in a folder: `run.json`, `features/`, `clusters.npz`, `history.csv`, `transfer.keras`."""

    kind = TRANSFER
    holds = "a transfer network"
    # A Keras model from features to transferred features.
    model_file = MODEL
    entries = _ENTRIES

    def check_record(self):
        """Raise InputError for an option that is out of range."""
        self.config.check()

    @property
    def config(self):
        """The `TransferConfig`."""
        stored = self.record["config"]
        lists = {name: tuple(stored.get(name, ())) for name in ("degrade", "further_low")}
        return TransferConfig(**{**stored, **lists})

    @property
    def network_config(self):
        """The part of it that decides the network alone, a `NetworkConfig`."""
        return NetworkConfig(**{name: getattr(self.config, name) for name in asdict(NetworkConfig())})

    @property
    def _is_first(self):
        return self.record.get("versions", {}).get("tfapp", "").startswith("0.1.")

    @property
    def defaults(self):
        """What options meant that its command left out, where they mean something else today."""
        return FIRST_DEFAULTS if self._is_first else {}

    def resolution(self):
        """Return the `tfapp.data.Resolution`, by which a run of version 0.1 goes as it began."""
        return replace(self.config.resolution(), straight=not self._is_first)

    def data(self):
        """Return the `MultiLabelSet` that it was trained on.

        Raises:
            InputError: It is gone, or has changed.
        """
        return self.reopened(open_multi_label, "images or labels")

    def backbone(self, side=None):
        """Return the `Backbone`, for images of another side than its own if one is given.

        Raises:
            InputError: Its file is gone, or has changed. Of a run of version 0.1, or begun with another version of
                Keras, layers without weights are compared by `features` alone.
        """
        config = self.config
        backbone = open_backbone(
            config.backbone,
            side or config.high,
            weights=config.weights,
            layer=config.layer,
            input_scale=config.input_scale,
        )
        self._check_backbone(backbone, "was trained; restore it.", side in (None, config.high))
        return backbone

    def _check_backbone(self, backbone, when, same_side=True):
        comparable = same_side and self._has_this_keras()
        changed = changes(self.record["backbone"], backbone.description(), same_keras=comparable)
        if changed:
            what = "layers, or settings of them," if changed == [ARCHITECTURE] else "weights"
            raise InputError(f"{self.config.backbone} has other {what} than when {self.path} {when}")

    def _has_this_keras(self):
        return self.record.get("versions", {}).get("keras") == keras.__version__

    def features(self, backbone, data, split, *, skip_bad=None, progress=None):
        """Return the `Features` of one split of the data, sharp and at low resolution, of the same images.

        Args:
            backbone: `Backbone`.
            data: `MultiLabelSet`.
            split: `train` or `test`.
            skip_bad: Whether to go on without images that cannot be read; None for what the run says.
            progress: Function of (name, images done, images in all), or None.

        Raises:
            InputError: As `extract`.
        """
        config, images, described = self.config, getattr(data, split), self.record["backbone"]
        found = []
        for name, low in (("high", False), ("low", True)):
            # Filed as the run began: other versions describe the same backbone with more, or otherwise.
            extractor = FeatureExtractor(backbone, self.resolution(), low, config.seed, described)
            report = None if progress is None else lambda done, total, name=name: progress(name, done, total)
            options = {
                "skip_bad": skip_bad,
                "begun": datetime.fromisoformat(self.record["created"]).timestamp(),
                "compared": ARCHITECTURE not in described or not self._has_this_keras(),
            }
            found.append(self.extracted(extractor, images, f"{split}-{name}", report, **options))
        if not np.array_equal(found[0].kept, found[1].kept):
            raise InputError(
                f"{self.path / FEATURES} has features of other images sharp than at low resolution, as files have "
                f"changed meanwhile; remove {self.path / FEATURES}."
            )
        return found

    def extracted(self, extractor, images, name, progress=None, *, skip_bad=None, **options):
        """Return the `Features` of images, kept in the folder of the run; arguments and errors as of `extract`."""
        skip_bad = self.config.skip_bad if skip_bad is None else skip_bad
        options |= {"skip_bad": skip_bad, "progress": progress}
        if self.config.features_of is not None:
            options["elsewhere"] = Path(self.config.features_of) / FEATURES
        return extract(extractor, images, self.path / FEATURES, name, **options)

    def centroids(self):
        """Return the centroids of the sharp features, float32 (clusters, dimension); None before they were found."""
        file = self.path / CLUSTERS
        if not file.is_file():
            return None
        try:
            with open_arrays(file) as content:
                found = content["centroids"]
        except DAMAGED:
            raise InputError(f"{file} is damaged; train again with `overwrite`.") from None
        if found.dtype != np.float32 or found.ndim != 2 or not np.isfinite(found).all():
            raise InputError(
                f"{file} is damaged: its centroids are {found.dtype} {found.shape}, expected finite float32 "
                "(clusters, dimension); train again with `overwrite`."
            )
        return found

    def found_centroids(self):
        """Return the centroids of a run that was trained, or raise InputError if its file is missing."""
        found = self.centroids()
        if found is None:
            raise InputError(
                f"{self.path / CLUSTERS} is missing; run the same `tfapp transfer train` again, which finds them anew."
            )
        return found

    def keep_centroids(self, centroids):
        """Write what `centroids` returns."""
        with atomic_path(self.path / CLUSTERS) as temporary:
            np.savez(temporary, centroids=centroids)

    def targets(self, high, low):
        """Return what the network learns to give for the training images, as `targets_of` has it.

        Args:
            high, low: Their `Features`, sharp and at low resolution.
        """
        return targets_of(high.values, low.values, self.found_centroids(), self.network_config)

    def export(self, base_dir, version=None, *, post_tv=None, gap=False, classes=None, **serving):
        """Write backbone, network and classifiers for TensorFlow Serving, and return the version folder.

        Raises:
            InputError: The run was not trained or evaluated to its end, or its files have changed or are damaged.
            ExportError: As `tfapp.export.export_scorer`.
        """
        from tfapp.export import export_scorer

        self.refuse_segmenter_options({"`post_tv`": post_tv is not None, "`gap`": gap, "`classes`": classes})
        model, class_names, machines = scoring_model_of(self)
        metrics, again = self._metrics(), f"run `tfapp transfer evaluate {self.typed_path}` again."
        # Classifiers are fitted by the same command, to what the network gave then.
        if not self.is_current(metrics.get("weights")):
            raise InputError(f"The classifiers of {self.path} are of before its training went on; {again}")
        if tuple(metrics["class_names"]) != tuple(class_names):
            raise InputError(f"The classifiers of {self.path} are of other classes than its metrics; {again}")
        low = self.config.low or self.config.high
        return export_scorer(
            model,
            base_dir,
            class_names=class_names,
            warmup_sizes=((low, low),),
            calibration=self._calibration(machines),
            version=version,
            metadata={
                "run": self.path.name,
                "config": self.record["config"],
                "backbone": self.record["backbone"],
                "weights": self.weights,
                "mean_average_precision": {one["name"]: one["mean"] for one in metrics["features"]},
            },
            **serving,
        )

    def _calibration(self, machines):
        from tfapp.export import Calibration

        if machines.slopes is None:
            # Of an earlier version, which says so by `export_remarks`.
            return None
        exclusive = self._metrics()["features"][0]["accuracy"] is not None
        return Calibration(tuple(machines.slopes.tolist()), tuple(machines.offsets.tolist()), exclusive)

    def _metrics(self):
        from tfapp.transfer.evaluation import METRICS, METRICS_ENTRIES

        again = f"run `tfapp transfer evaluate {self.typed_path}` again."
        try:
            return read_record(self.path / METRICS, METRICS_ENTRIES, again)
        except FileNotFoundError:
            raise InputError(f"{self.path} has no {METRICS}; {again}") from None

    @property
    def export_remarks(self):
        if "weights" in self._metrics():
            return ()
        return (
            f"The classifiers of {self.path} were fitted by an earlier version, which did not keep to which weights: "
            f"if it was trained further since, run `tfapp transfer evaluate {self.typed_path}` and export again.",
        )

    def check_same(self, config, data, backbone):
        """Raise InputError if it has other data, options or weights than these, but for those that may extend it."""
        self.refuse_other({"data": data.spec}, {"data": self.record["data"]["spec"]})
        now = {name: value for name, value in asdict(config).items() if name not in config.extendable}
        self.refuse_other(now, asdict(self.config))
        self.check_fingerprint(data, "images or labels", "was begun; use another `out`.")
        self._check_backbone(backbone, "was begun; restore it, or use another `out`.")


def scoring_model(backbone, network, machines, side):
    """Return a Keras model from images to scores, all of it in one graph of Keras's own layers.

    Input: float32 images `(batch, height, width, 3)` in [0, 1] of any size, as the poor camera gives them; they are
    resized bicubically to the size that the backbone sees. Output: float32 `(batch, classes)`, above 0 where the
    class is there. Weights are shared with the models.

    Args:
        backbone: `Backbone`.
        network: Transfer network, as `TransferRun.load_model` returns it; None to score the plain features.
        machines: `LinearClassifiers` on its features.
        side: Side in pixels of what the backbone sees.
    """
    images = keras.Input((None, None, 3), name="images")
    # The same operation as `tfapp.data.resolution.resize_bicubic`, which clips too: bicubic overshoots.
    resized = keras.layers.Resizing(side, side, interpolation="bicubic", antialias=True)(images)
    features = backbone.model(keras.ops.clip(resized, 0.0, 1.0))
    if network is not None:
        features = network(features)
    unit = keras.layers.UnitNormalization(name="unit_length")(features)
    scores = keras.layers.Dense(machines.weights.shape[1], name="scores")
    model = keras.Model(images, scores(unit), name="scoring_model")
    scores.set_weights([machines.weights, machines.biases])
    return model


def scoring_model_of(run):
    """Return the scoring model of an evaluated run, the names of its classes, and its `LinearClassifiers`.

    Args:
        run: `TransferRun`.

    Raises:
        InputError: The run was not trained or evaluated to its end, or its files have changed or are damaged.
    """
    network, file = run.load_model(), run.path / CLASSIFIERS / f"{TRANSFERRED}.npz"
    if not file.is_file():
        raise InputError(
            f"{run.path} has no classifiers yet; run `tfapp transfer evaluate {run.typed_path}` first."
        )
    machines, class_names, _ = read_classifiers(file)
    if machines.weights.shape[0] != network.output_shape[-1]:
        raise InputError(
            f"{file} is of another network than {run.path} has now; run "
            f"`tfapp transfer evaluate {run.typed_path}` again."
        )
    return scoring_model(run.backbone(), network, machines, run.config.high), class_names, machines
