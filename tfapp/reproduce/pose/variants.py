"""Variants of the method that are trained for the tables, and the scales they run at."""

from dataclasses import dataclass, field, replace

from tfapp.errors import InputError
from tfapp.pose.config import PoseConfig
from tfapp.pose.model.settings import usual_exponent


@dataclass(frozen=True)
class Variant:
    """One way to train.

    Attributes:
        name: For the command line and the folders.
        title: For tables.
        options: Of `PoseConfig`, beside those of the scale.
        points: Points of the object model, in shares of those of the scale.
        scenes: Scenes that are learned from, as a share of all.
        of_text: Whether it is of Wu (2020), so that the network of the text may be taken for it.
    """

    name: str
    title: str
    options: dict = field(default_factory=dict)
    points: float = 1
    scenes: float = 1
    of_text: bool = True


TEXT = {"turn": False, "hypotheses": 1, "translation": "direct"}
TWO = TEXT | {"channels": 2}
SOFTMIN = TWO | {"combination": "softmin"}
# Beyond Wu (2020).
OWN = {"turn": True, "hypotheses": 8, "translation": "centroid"}
EXPONENTS = (2.0, 2.9, 3.14)
SHARES = (0.1, 0.2, 0.4, 0.6)
# Of the network: what is said of it in sections 4.2.2 and 4.3.2.
TEXT_NETWORK = {"network_input": "depth", "base_poses": False}
NETWORKS = {"tfapp": {}, "text": TEXT_NETWORK}


def _by_channels(name, title, changed=None, **more):
    """Return a variant with one channel, and the same with the minimum of two."""
    return (
        Variant(name, f"one channel, {title}", TEXT | (changed or {}), **more),
        Variant(f"min-{name}", f"two channels, minimum, {title}", TWO | (changed or {}), **more),
    )


VARIANTS = {
    variant.name: variant
    for variant in (
        Variant("one-channel", "one channel", TEXT),
        Variant("softmin", "two channels, softmin", SOFTMIN),
        Variant("softmin-to-10", "two channels, softmin, γ to 10", SOFTMIN | {"gamma_end": 10.0}),
        Variant("min", "two channels, minimum", TWO),
        *_by_channels("no-removal", "no removal", {"visibility": "none"}),
        *(
            variant
            for value in EXPONENTS
            for variant in _by_channels(f"exponent-{value}", f"exponent {value}", {"exponent": value})
        ),
        *(
            Variant(name, f"one channel, {name}", TEXT | {"rotation": name})
            for name in ("ortho6d", "axis-angle")
        ),
        Variant("half-points", "one channel, half of the points", TEXT, points=0.5),
        Variant("double-points", "one channel, twice the points", TEXT, points=2),
        *(
            Variant(f"rho-{value}", f"one channel, ρ = {value:g}", TEXT | {"rho": value})
            for value in (0.1, 0.25, 1.0)
        ),
        *(
            variant
            for share in SHARES
            for variant in _by_channels(f"scenes-{share}", f"{share:.0%} of the scenes", scenes=share)
        ),
        Variant("hypotheses", "8 hypotheses, centroids, turned scenes", OWN, of_text=False),
        # A tilted camera shows parts from so many sides that turned ones too are more than a short training learns.
        Variant("hypotheses-unturned", "8 hypotheses, centroids", OWN | {"turn": False}, of_text=False),
        Variant("hypotheses-min", "8 hypotheses, two channels", OWN | {"channels": 2}, of_text=False),
    )
}


@dataclass(frozen=True)
class Scale:
    """How much is simulated and trained.

    Attributes:
        scenes: Scenes of each part and number of instances.
        size: Height and width of their depth images in pixels.
        config: `PoseConfig` that the variants change.
        protocol: One of `PROTOCOLS`, unless the user says another.
        network: One of `NETWORKS`, the same.
    """

    scenes: int
    size: int
    config: PoseConfig
    protocol: str
    network: str

    def of(self, variant, seed, network="tfapp", training=None):
        """Return the `PoseConfig` of a variant.

        Args:
            variant: `Variant`.
            seed: Of the training.
            network: One of `NETWORKS`; variants that are not of Wu (2020) have tfapp's.
            training: Scenes that there are to learn from; needed where the variant takes a share of them.
        """
        options = dict(variant.options)
        if variant.of_text:
            options |= NETWORKS[network]
        if variant.points != 1:
            # Only the number of points differs.
            options["exponent"] = usual_exponent(self.config.points)
            options["points"] = round(variant.points * self.config.points)
        if variant.scenes != 1:
            options["training_scenes"] = max(1, round(variant.scenes * training))
        return replace(self.config, seed=seed, **options)


SCALES = {
    "small": Scale(500, 64, PoseConfig(), "held-out", "tfapp"),
    # Section 4.3 of Wu (2020): 5,000 scenes, ResNet-18, Adam, 250 passes.
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
        "text",
        "text",
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
