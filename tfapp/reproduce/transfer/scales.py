"""Settings of the study: small, for two cores, and as Wu (2020), chapter 5, has them."""

from dataclasses import dataclass

from tfapp.transfer.classifiers import COSTS
from tfapp.transfer.config import WU_SOLVER, TransferConfig

# What Wu says alike of both: pseudo-labels, of which `own` is the better reading, and the solver.
_WU = {"pseudo": "own", "solver": WU_SOLVER}


@dataclass(frozen=True)
class BackboneTraining:
    """How a backbone is trained on the data themselves, where nothing may be downloaded.

    Attributes:
        model: One of `tfapp.models.CLASSIFIERS`.
        batch_size, augment, solver, value: As of `tfapp solvers compare`.
        epochs: Passes over the training images.
    """

    model: str = "resnet-18"
    batch_size: int = 50
    augment: str = "crop-mirror"
    solver: str = "adam"
    value: float = 0.001
    epochs: int = 4


@dataclass(frozen=True)
class Scale:
    """What the tables are made with.

    Attributes:
        reader: Name of the reader of the data, where `data` is a folder.
        form: Form of the average precision.
        config: `TransferConfig` of the runs, but for backbone and seed.
        backbone: `BackboneTraining`, or None where the user names a backbone.
        costs: Values of C to choose from.
        hidden, clusters: Units N1 and N2 of the grid.
    """

    reader: str
    form: str
    config: TransferConfig
    backbone: BackboneTraining | None
    costs: tuple
    hidden: tuple
    clusters: tuple


SCALES = {
    # 600 iterations in place of 31,561, at a rate ten times as high.
    "small": Scale(
        "cifar10",
        "area",
        TransferConfig(
            **_WU, high=32, low=8, hidden=1024, clusters=500, iterations=600, decay_every=200, value=0.1
        ),
        BackboneTraining(),
        (10.0, 100.0),
        (256, 1024),
        (100, 500),
    ),
    "paper": Scale(
        "voc2007",
        "11-point",
        TransferConfig(**_WU, hidden=4096, clusters=100, iterations=31_561, decay_every=15_000),
        None,
        COSTS,
        (256, 512, 1024, 2048, 4096),
        (20, 100, 200, 500, 1000, 2048),
    ),
}
