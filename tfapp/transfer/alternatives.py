"""What transferred features are compared with besides: other networks, and what is free of any network."""

from dataclasses import replace
from functools import partial

import numpy as np

from tfapp.errors import InputError
from tfapp.landscape.moving_statistics import batch_statistics, moving_variables, normalisations
from tfapp.transfer.classifiers import unit_length
from tfapp.transfer.config import TARGETS
from tfapp.transfer.evaluation import transferred
from tfapp.transfer.feature_names import (
    ADAPTED,
    AT,
    JOINED,
    LOW,
    OURS_AT,
    SERVED_AT,
    SIDE,
    TRANSFERRED,
    UNTRAINED,
)
from tfapp.transfer.features import FeatureExtractor
from tfapp.transfer.grid import network_of
from tfapp.transfer.network import build_network

NETWORKS = "networks"
# Images of a batch whose statistics are one number of the mean over all batches.
_BATCH = 50
_LEAST_SIDE, _MOST_SIDE = 16, 1024


def parse_alternatives(text):
    """Return the names of a text such as `features,own,joined,batch-norm,side=128`.

    Raises:
        InputError: An unknown one.
    """
    names = [part.strip() for part in text.split(",")] if text else []
    for name in names:
        is_sized = _is_sized(name, SIDE, _LEAST_SIDE) or _is_sized(name, AT, 1)
        if not is_sized and name not in (*TARGETS, JOINED, ADAPTED):
            raise InputError(
                f"Unknown `also` {name!r}; expected some of: {', '.join(TARGETS)}, {JOINED}, {ADAPTED}, {SIDE}N with N "
                f"from {_LEAST_SIDE} to {_MOST_SIDE} pixels, {AT}N with N from 1 to {_MOST_SIDE}."
            )
    return tuple(dict.fromkeys(names))


def _is_sized(name, kind, least):
    side = name.removeprefix(kind)
    return name.startswith(kind) and side.isdecimal() and least <= int(side) <= _MOST_SIDE


def with_alternatives(run, compared, names, show):
    """Return `ComparedFeatures` with further features, the control being the last.

    Args:
        run: `TransferRun`.
        compared: Its `ComparedFeatures`.
        names: As `parse_alternatives` returns them; what the run's own network learned to give is left out.
        show: Function of (step, steps done, steps in all, text).

    Raises:
        InputError: As `network_of` and `low_features`; a backbone without batch normalisation.
    """
    for name in names:
        _check_possible(run, name)
    features = dict(compared.features)
    control = features.pop(UNTRAINED)
    for name in names:
        if name in TARGETS:
            if name != run.config.pseudo:
                features[name] = network_features(run, compared, name, run.config.seed, show)
        elif name == JOINED:
            features[name] = joined(features[LOW], features[TRANSFERRED])
        else:
            features[name] = low_features(run, name, compared.skipped, show)
            if name.startswith(AT):
                compared = replace(compared, features={**compared.features, **features})
                for kind in (OURS_AT, SERVED_AT):
                    sized = kind + name.removeprefix(AT)
                    features[sized] = sized_features(run, compared, sized, run.config.seed, show)
    return replace(compared, features={**features, UNTRAINED: control})


def _check_possible(run, name):
    """Raise InputError for a state or size that the backbone cannot have, before anything that takes time."""
    if name.startswith(AT):
        _resolution_of(run, name)
    if name.startswith(SIDE):
        try:
            run.backbone(int(name.removeprefix(SIDE)))
        except InputError as error:
            raise InputError(f"{error} Or leave {name} out of `also`.") from None
    if name == ADAPTED:
        _normalisations(run.backbone())


def network_features(run, compared, pseudo, seed, show):
    """Return the features of a network that learned something else, or began with another seed, than that of the run.

    It is trained on the features of the run, and kept in its folder.

    Args:
        run, compared: As for `with_alternatives`.
        pseudo: One of `TARGETS`.
        seed: Of clusters and training.
        show: As for `with_alternatives`.

    Returns:
        (float32 (n, dimension) to fit on, float32 (m, dimension) to test on).
    """
    if (pseudo, seed) == (run.config.pseudo, run.config.seed):
        return compared.features[TRANSFERRED]
    network = _network_of_seed(run, compared, pseudo, seed, show)
    return tuple(transferred(network, low) for low in compared.features[LOW])


def sized_features(run, compared, name, seed, show):
    """Return what the network of a seed gives of poor images of another size than those that it is trained on.

    Args:
        run, seed, show: As for `network_features`.
        compared: `ComparedFeatures` that have LR of the size, `low=N`.
        name: `transferred-low=N`, to fit on and to test on images of N pixels, or `served-low=N`, to fit on images of
            the run's own sizes, as classifiers that are served are.

    Returns:
        As `network_features`.
    """
    kind, side = name.split("=")
    network = _network_of_seed(run, compared, run.config.pseudo, seed, show)
    fitting, testing = (transferred(network, low) for low in compared.features[AT + side])
    if f"{kind}=" == OURS_AT:
        return fitting, testing
    return network_features(run, compared, run.config.pseudo, seed, show)[0], testing


def _network_of_seed(run, compared, pseudo, seed, show):
    if (pseudo, seed) == (run.config.pseudo, run.config.seed):
        return run.load_model()
    name = f"{pseudo}-seed-{seed}"
    return network_of(
        run,
        compared,
        run.path / NETWORKS / name,
        {"pseudo": pseudo, "seed": seed},
        lambda done, total, note="": show(f"training, {name}", done, total, note),
    )


def untrained_features(run, compared, seed):
    """Return the features that the network of a seed gives before its training; as `network_features`."""
    low, test_low = compared.features[LOW]
    network = build_network(low.shape[1], replace(run.network_config, seed=seed))
    return transferred(network, low), transferred(network, test_low)


def joined(*features):
    """Return several kinds of features as one, each of length 1: pairs of arrays, to fit on and to test on."""
    return tuple(
        np.concatenate([unit_length(one) for one in pair], 1).astype(np.float32)
        for pair in zip(*features, strict=True)
    )


def low_features(run, name, skipped, show):
    """Return features of poor images by the backbone in another state, or of another size.

    Args:
        run: `TransferRun`.
        name: `batch-norm`, whose batch normalisations have the statistics of the poor training images, `side=N`,
            where poor images are enlarged to N pixels and not to the size of sharp ones, or `low=N`, where they are of
            N pixels.
        skipped: Names of images that are left out.
        show: As for `with_alternatives`.

    Returns:
        As `network_features`.
    """
    data = run.data()
    side = int(name.removeprefix(SIDE)) if name.startswith(SIDE) else run.config.high
    backbone = run.backbone(side)
    resolution = replace(_resolution_of(run, name), high=side)
    described = backbone.description()
    extractor = FeatureExtractor(backbone, resolution, True, run.config.seed, described)
    if name == ADAPTED:
        report = partial(show, "batch statistics")
        adapted = AdaptedBackbone(backbone, partial(_adapt, extractor, data.train, set(skipped), report))
        described = {**run.record["backbone"], "state": name}
        extractor = replace(extractor, backbone=adapted, described=described)
    return tuple(
        run.extracted(
            extractor,
            getattr(data, split),
            f"{split}-{name.replace('=', '-')}",
            lambda done, total, split=split: show(f"{split}, {name}", done, total),
        ).values
        for split in ("train", "test")
    )


def _resolution_of(run, name):
    """Return the resolution of features: that of the run, but of one other size for `low=N`."""
    resolution = run.resolution()
    if not name.startswith(AT):
        return resolution
    try:
        return replace(resolution, low=int(name.removeprefix(AT)), further=())
    except InputError as error:
        raise InputError(f"{error} Leave {name} out of `also`.") from None


class AdaptedBackbone:
    """A `Backbone` that is adapted when features are asked for, and not where all of them are kept.

    Args:
        backbone: `Backbone`, which changes.
        adapt: Function that adapts it.
    """

    def __init__(self, backbone, adapt):
        self._backbone, self._adapt = backbone, adapt
        self.name, self.dimension = backbone.name, backbone.dimension

    def features(self, images):
        """Return the features of images, as `Backbone.features`."""
        if self._adapt is not None:
            self._adapt()
            self._adapt = None
        return self._backbone.features(images)


def _adapt(extractor, images, skipped, progress):
    """Give the batch normalisations of a backbone the mean statistics of batches of poor images."""
    model, layers = extractor.backbone.model, _normalisations(extractor.backbone)
    variables = moving_variables(layers)
    places = [place for place, image in enumerate(images.names) if image not in skipped]
    # A last batch of few images would say less than the others.
    batches = np.array_split(places, max(1, len(places) // _BATCH))
    sums = [np.zeros(variable.shape, np.float64) for variable in variables]
    for number, batch in enumerate(batches, 1):
        pictures = np.stack([extractor.image(images, place) for place in batch])
        for total, found in zip(sums, batch_statistics(model, layers, [], pictures), strict=True):
            total += np.asarray(found)
        progress(number, len(batches))
    for variable, total in zip(variables, sums, strict=True):
        variable.assign(total / len(batches))


def _normalisations(backbone):
    """Return the batch normalisations of a backbone, or raise InputError if it has none that could be adapted."""
    try:
        return normalisations(backbone.model)
    except InputError:
        raise InputError(
            f"{backbone.name} has no batch normalisation whose statistics could be estimated on poor images; leave "
            f"{ADAPTED} out of `also`."
        ) from None
