"""Export a Keras image classifier for TensorFlow Serving: scores out."""

from dataclasses import dataclass, replace

from tfapp.export.errors import ExportError
from tfapp.export.image_model import ANY_SIZE
from tfapp.export.kinds import SCORER
from tfapp.export.scorer import inspect_scorer
from tfapp.export.scorer_reference import ScorerRequests, largest_score, stored_scorer_requests
from tfapp.export.scorer_signatures import scorer_endpoints
from tfapp.export.served_images import ServedImages, checked_names, checked_sizes
from tfapp.export.writer import write_version

# What its outputs mean, by alias.
MEANINGS = {
    "scores": "score of each class in the order of the class names, any finite number; of one-versus-rest SVMs, an "
    "image with several classes shows each whose score is above 0",
    "labels": "index of the class of the largest score",
}


def export_scorer(
    model,
    base_path,
    *,
    class_names,
    version=None,
    value_range=(0.0, 1.0),
    warmup_sizes=None,
    metadata=None,
    extra_examples=None,
):
    """Export `model` to `base_path/<version>/` and return that path.

    The folder is checked and published as `tfapp.export.writer.write_version` says.

    Signatures (`tfapp.export.scorer_signatures.scorer_endpoints`): `serving_default` float32 images, `serving_uint8`
    0..255 images, `serving_bytes` encoded files, each at its own size; all give `scores` and `labels`.

    Args:
        model: Keras model from float32 images `(batch, height, width, channels)` of any height and width, or of the
            one size of its input, and 1 or 3 channels to scores `(batch, classes)`, any finite numbers. Files are
            never resized for it: a model of one size refuses others, one that begins with keras.layers.Resizing
            takes all.
        base_path: Folder of the model, which holds one folder per version; made if missing.
        class_names: One str per class, each another.
        version: Positive int, or None for the highest existing version plus one.
        value_range: Lowest and highest image value that the model takes.
        warmup_sizes: Image sizes `(height, width)` in pixels to warm the server up for; None is 64 x 64, or the one
            size of the model.
        metadata: Dict of JSON values kept in `assets.extra/export.json`; `git_commit` is shown at its top.
        extra_examples: Images `(height, width, channels)` in `value_range` to compare besides the generated ones;
            they are not stored.

    Returns:
        `pathlib.Path` of the version folder.

    Raises:
        ExportError: unusable arguments, a folder that cannot be written, or an artifact that does not answer as the
            model does: differences of scores beyond 1e-5 (four epsilons of the compute dtype for half precision),
            times the largest score of the stored requests if that is more than 1.
    """
    scorer = inspect_scorer(model, value_range)
    names, sizes = _class_names(class_names, scorer.num_classes), _warmup_sizes(warmup_sizes, scorer.size)
    stored = stored_scorer_requests(scorer)
    # A float32 number is known to a share of itself, and scores have any size.
    scorer = replace(scorer, tolerance=scorer.tolerance * max(1.0, largest_score(stored)))
    examples = extra_examples if extra_examples is not None else ()
    return write_version(ServedScorer(scorer, names, sizes, examples, stored), base_path, version, metadata)


@dataclass(frozen=True)
class ServedScorer(ServedImages):
    """A `Scorer` with what its export was asked for.

    Attributes, besides those of `ServedImages`:
        stored: The requests that go with the artifact.
    """

    stored: list
    kind = SCORER
    meanings = MEANINGS

    @property
    def requests(self):
        return ScorerRequests(self.image_model)

    def endpoints(self):
        return scorer_endpoints(self.image_model)

    def stored_requests(self):
        return self.stored


def _class_names(names, num_classes):
    if names is None:
        raise ExportError(
            f"`class_names` must name the {num_classes} classes of the model, or scores have no meaning. "
            "Received: None."
        )
    names = checked_names(names, num_classes)
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise ExportError(
            f"`class_names` must differ from each other. Received more than once: {', '.join(repeated)}."
        )
    return names


def _warmup_sizes(sizes, only):
    if only == ANY_SIZE:
        return checked_sizes(((64, 64),) if sizes is None else sizes)
    sizes = checked_sizes((only,) if sizes is None else sizes)
    other = next((size for size in sizes if size != only), None)
    if other is not None:
        raise ExportError(
            f"`warmup_sizes` must be {only}, the one size that `model` takes. Received: {other!r}."
        )
    return sizes
