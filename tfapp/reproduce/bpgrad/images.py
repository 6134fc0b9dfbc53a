"""The images that chapter 3 trains on, and how: networks, settings, preparation."""

from dataclasses import dataclass, field

from tfapp.errors import InputError, either

# What stands behind BPGrad's name where the text's numbers are made: its authors' form, the decay in the gradient.
AUTHORS = ":form=authors:decay=in-gradient:mean=epoch"
# MatConvNet's factors of the rate in its network for CIFAR-10.
FACTORS = "kernel=0.1,bias=2,scores/kernel=0.01,scores/bias=0.2"


@dataclass(frozen=True)
class Images:
    """How chapter 3 trains on a set of images.

    Attributes:
        preset: Name of the settings of the solvers in `published.json`.
        model: One of `tfapp.models.CLASSIFIERS`.
        epochs: By scale.
        lipschitz: L of BPGrad.
        options: Further options of `Workload`.
        prepared: What stands behind the question mark of the data, if nothing does.
    """

    preset: str
    model: str
    epochs: dict
    lipschitz: float
    options: dict = field(default_factory=dict)
    prepared: str = ""


IMAGES = {
    "mnist": Images("wu2020-mnist", "lenet-mnist", {"small": 5, "paper": 50}, 15.0),
    "cifar10": Images(
        "wu2020-cifar10",
        "lenet-cifar10",
        {"small": 12, "paper": 100},
        50.0,
        {"augment": "batch-mirror", "rate_factors": FACTORS},
        "contrast=yes&whiten=yes",
    ),
}
ASSUMED = (
    "BPGrad is that of the authors' code: the step is outside of the momentum, f is the mean of the losses since the "
    "epoch began, and the decay of the weights counts in the gradient alone. With Algorithm 2 to the letter some "
    "trainings diverge at the text's L. Objectives are without the decay.",
    "CIFAR-10 is prepared as MatConvNet's example does it, with the same contrast for all images, whitening, and "
    "batches that are mirrored as a whole; cifar10:PATH?contrast=no&whiten=no takes the images as they are. Rates of "
    "all solvers but BPGrad have the factors of that example: 0.1 for weights, 2 for biases, a tenth of both in the "
    "last layer.",
)


def text_solvers(preset) -> dict:
    """Return the solvers of a preset, by name, with the values of their parameters."""
    from tfapp.optimizers.catalogue import read_setting
    from tfapp.reproduce.bpgrad.published import presets

    return dict(map(read_setting, presets()[preset].solvers))


def setting_of(preset, solver) -> tuple:
    """Return the name, with its options, and the value of the solver of a preset that `SOLVERS` calls `solver`."""
    from tfapp.optimizers.catalogue import base_of

    return next((name, value) for name, value in text_solvers(preset).items() if base_of(name) == solver)


def workload_of(name, data, readers):
    """Return the name in `IMAGES` whose settings hold, and the `Workload` of a figure.

    Args:
        name: Of the figure, for messages.
        data: What was typed: a folder, for the first reader, `READER:PATH`, or `digits`, which trains like MNIST.
        readers: Names of readers, of those that `IMAGES` lacks all that train like MNIST.

    Raises:
        InputError: For other data, and data that cannot be read.
    """
    from tfapp.data import names_classification, open_classification
    from tfapp.solvers.trainings.workload import Workload

    if not names_classification(data):
        data = f"{readers[0]}:{data}"
    named = data.partition(":")[0]
    if named not in (*readers, "digits"):
        expected = either([f"{one}:PATH" for one in readers])
        raise InputError(f"{name} is made of other images: expected `data` {expected}; got {data!r}.")
    reader = named if named in IMAGES else "mnist"
    images = IMAGES[reader]
    if images.prepared and "?" not in data:
        data = f"{data}?{images.prepared}"
    spec = open_classification(data).spec
    return reader, Workload(spec, images.model, **images.options)
