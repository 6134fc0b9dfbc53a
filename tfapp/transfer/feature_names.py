"""Names of the features that are compared, and their titles for people."""

from tfapp.transfer.config import FEATURES, SOFT, TARGETS

HIGH, LOW, TRANSFERRED, UNTRAINED = "high", "low", "transferred", "untrained"
# Beside the features of other networks: both joined, and the backbone adapted to poor images without labels.
JOINED, ADAPTED, SIDE = "joined", "batch-norm", "side="
TITLES = {
    HIGH: "HR",
    LOW: "LR",
    TRANSFERRED: "ours",
    UNTRAINED: "same network, not trained",
}
# Features of networks by what these learned to give.
TARGET_TITLES = {
    "own": "ours, own cluster",
    "nearest": "ours, nearest centroid",
    SOFT: "ours, soft clusters",
    FEATURES: "sharp features, distilled",
}


def title_of(name, pseudo):
    """Return the title of features.

    Args:
        name: Key of `ComparedFeatures.features`: of `TITLES`, of `TARGETS`, or of another alternative.
        pseudo: What the network of the run learned to give.
    """
    if name == TRANSFERRED or name in TARGETS:
        return TARGET_TITLES[pseudo if name == TRANSFERRED else name]
    return TITLES.get(name) or alternative_title(name)


def alternative_title(name):
    """Return the title of features that neither a run nor another network gives."""
    if name.startswith(SIDE):
        side = name.removeprefix(SIDE)
        return f"LR at {side}x{side}"
    return {JOINED: "LR and ours, joined", ADAPTED: "LR, batch statistics of poor images"}[name]
