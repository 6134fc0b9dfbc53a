"""Further networks on the features of a run: of other sizes, or on the other reading of the pseudo-labels."""

import json
from dataclasses import asdict, replace

from tfapp.errors import InputError
from tfapp.files import write_json
from tfapp.transfer.clusters import k_means_centroids, pseudo_labels
from tfapp.transfer.config import READINGS
from tfapp.transfer.materials import HIGH, LOW, OTHER, UNTRAINED, transferred
from tfapp.transfer.network import MODEL, train_network

CONFIG = "config.json"


def with_other_reading(run, materials, progress=None):
    """Return the `Materials` with the features of a network that was trained on the other pseudo-labels.

    Args:
        run: `TransferRun`; the network is kept in its folder `other-reading/`.
        materials: Its `Materials`.
        progress: Function of (iterations done, iterations in all, text), or None.
    """
    reading = next(name for name in READINGS if name != run.config.pseudo)
    found = features_of(run, materials, run.path / "other-reading", {"pseudo": reading}, progress)
    features = dict(materials.features)
    # The control stays last.
    last = features.pop(UNTRAINED)
    return replace(materials, features={**features, OTHER: found, UNTRAINED: last})


def features_of(run, materials, folder, changes, progress=None):
    """Train a network with other settings than the run's, and return its features to fit on and to test on.

    Args:
        run: `TransferRun`.
        materials: Its `Materials`.
        folder: Of the network; a training that was finished there is not done again, one that was begun goes on.
        changes: Settings of `NetworkConfig` that are others.
        progress: Function of (iterations done, iterations in all, text), or None.

    Raises:
        InputError: The folder has a network of further other settings.
        TrainingDiverged: The loss became NaN or infinite.
    """
    import keras

    config = replace(run.network_config, **changes)
    _check_same(folder / CONFIG, asdict(config))
    low, test_low = materials.features[LOW]
    if (folder / MODEL).is_file():
        network = keras.models.load_model(folder / MODEL)
    else:
        network = train_network(folder, low, _labels(run, materials, config), config, progress)
    return transferred(network, low), transferred(network, test_low)


def _labels(run, materials, config):
    high, low = materials.features[HIGH][0], materials.features[LOW][0]
    same = (config.clusters, config.seed) == (run.config.clusters, run.config.seed)
    centroids = run.centroids() if same else k_means_centroids(high, config.clusters, seed=config.seed)
    return pseudo_labels(high, low, centroids, config.pseudo)


def _check_same(file, wanted):
    if not file.is_file():
        write_json(file, wanted)
    elif json.loads(file.read_text(encoding="utf-8")) != wanted:
        raise InputError(f"{file.parent} holds a network of other settings; remove that folder.")
