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
# LR of another size, ours of it, and ours of it as the classifiers of the run's own sizes see it.
AT, OURS_AT, SERVED_AT = "low=", "transferred-low=", "served-low="
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
    if "=" in name:
        kind, side = name.split("=")
        size = f"{side}x{side}"
        return {
            SIDE: f"LR at {size}",
            AT: f"LR of {size}",
            OURS_AT: f"ours of {size}",
            SERVED_AT: f"ours of {size}, classifiers as served",
        }[f"{kind}="]
    return {JOINED: "LR and ours, joined", ADAPTED: "LR, batch statistics of poor images"}[name]
