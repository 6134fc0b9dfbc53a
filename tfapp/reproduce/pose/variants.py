"""Variants of the method that are trained for the tables, and the scales they run at."""

from dataclasses import dataclass, field, replace

from tfapp.errors import InputError
from tfapp.pose.config import PoseConfig


@dataclass(frozen=True)
class Variant:
    """One way to train.

    Attributes:
        name: For the command line and the folders.
        title: For tables.
        options: Of `PoseConfig`, beside those of the scale.
    """

    name: str
    title: str
    options: dict = field(default_factory=dict)


TEXT = {"turn": False, "hypotheses": 1, "translation": "direct"}
EXPONENTS = (2.0, 2.9, 3.14)
VARIANTS = {
    variant.name: variant
    for variant in (
        Variant("one-channel", "one channel", TEXT),
        Variant("softmin", "two channels, softmin", TEXT | {"channels": 2, "combination": "softmin"}),
        Variant("min", "two channels, minimum", TEXT | {"channels": 2}),
        Variant("no-removal", "one channel, no removal", TEXT | {"visibility": "none"}),
        *(
            Variant(f"exponent-{value}", f"one channel, exponent {value}", TEXT | {"exponent": value})
            for value in EXPONENTS
        ),
        Variant(
            "hypotheses",
            "8 hypotheses, centroids, turned scenes",
            {"turn": True, "hypotheses": 8, "translation": "centroid"},
        ),
        # A tilted camera shows parts from so many sides that turned ones too are more than a short training learns.
        Variant(
            "hypotheses-unturned",
            "8 hypotheses, centroids",
            {"turn": False, "hypotheses": 8, "translation": "centroid"},
        ),
        Variant(
            "hypotheses-min",
            "8 hypotheses, two channels",
            {"turn": True, "hypotheses": 8, "translation": "centroid", "channels": 2},
        ),
    )
}


@dataclass(frozen=True)
class Scale:
    """How much is simulated and trained.

    Attributes:
        scenes: Scenes of each part and number of instances.
        size: Height and width of their depth images in pixels.
        config: `PoseConfig` that the variants change.
    """

    scenes: int
    size: int
    config: PoseConfig

    def of(self, variant, seed):
        """Return the `PoseConfig` of a variant."""
        return replace(self.config, seed=seed, **variant.options)


SCALES = {
    "small": Scale(500, 64, PoseConfig()),
    # Section 4.3 of Wu (2020), as far as it says: 5,000 scenes, ResNet-18, Adam, 250 passes.
    "paper": Scale(
        5000,
        224,
        PoseConfig(
            points=1024,
            observed=1024,
            backbone="resnet-18",
            size=224,
            epochs=250,
            decay_epochs=50,
            batch_size=250,
            learning_rate=1e-4,
            model_learning_rate=1e-3,
        ),
    ),
}


def variants_named(text):
    """Return the `Variant`s of names with commas between.

    Raises:
        InputError: For a name that is none of `VARIANTS`.
    """
    names = [name.strip() for name in text.split(",")]
    unknown = next((name for name in names if name not in VARIANTS), None)
    if unknown is not None:
        raise InputError(f"Unknown variant {unknown!r}; choose some of: {', '.join(VARIANTS)}.")
    return [VARIANTS[name] for name in dict.fromkeys(names)]
