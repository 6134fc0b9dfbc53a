"""Tables and figures of Lu and Tong, and studies of their questions: data, networks, batch sizes, what is measured.

Imports nothing slow: the command line describes the tables without TensorFlow.
"""

from dataclasses import dataclass
from itertools import combinations

from tfapp.reproduce.landscape.protocol import ALL_EPOCHS, EQUAL, EQUAL_BY_NETWORK, REFERENCE, TITLES

NETWORKS = ("fcn-16s", "fcn-8s", "fcn-4s", "unet", "res-unet")
THREE = ("fcn-16s", "unet", "res-unet")
SKIPS = NETWORKS[:3]
LARGE_BATCH, SMALL_BATCH = 16, 2
# Algorithm 1: alpha_t = -r + 2 r t / n for t = 0, ..., n.
RESOLUTION = 40


@dataclass(frozen=True)
class Order:
    """A statement of Lu and Tong: one of two trainings has the larger number.

    Attributes:
        text: The statement, such as `FCN-16s is sharper than U-Net`.
        larger, smaller: (network, batch size) of both.
    """

    text: str
    larger: tuple[str, int]
    smaller: tuple[str, int]


@dataclass(frozen=True)
class FCNTable:
    """One table or figure, or a study of their subject.

    Attributes:
        name: Of its command, such as `landscape-table-4`.
        subject: What it compares, for people.
        reader: Name of the dataset's reader.
        networks: Names of the networks, for `build`.
        batch_sizes: One, or two of which the first is the smaller.
        measure: `scores`, `sharpness`, `surfaces`, `curves` or `pictures`.
        chosen: Which weights of a training are measured: `REFERENCE`, those where it stopped at the loss of a
            reference; `EQUAL`, those at one loss for all networks of a seed; `EQUAL_BY_NETWORK`, those at one loss for
            both batch sizes of a network; `ALL_EPOCHS`.
        eps: Sizes of the box of the sharpness.
        range: Half width of the window of surfaces.
        drawn: The networks whose surfaces are drawn, where others are trained for the loss alone; None for all.
        orders: The `Order`s that Lu and Tong state of it.
        others: Whether any other images with masks will do, too.
    """

    name: str
    subject: str
    reader: str
    networks: tuple[str, ...]
    batch_sizes: tuple[int, ...]
    measure: str
    chosen: str = REFERENCE
    eps: tuple[float, ...] = ()
    range: float | None = None
    drawn: tuple[str, ...] | None = None
    orders: tuple[Order, ...] = ()
    others: bool = False

    @property
    def number(self):
        """The number of a table or figure of the paper, as text; None of a study that is none."""
        kind, _, number = self.name.removeprefix("landscape-").partition("-")
        return number if kind in ("table", "figure") else None

    @property
    def heading(self):
        if self.number is None:
            return self.subject[0].upper() + self.subject[1:]
        return f"{self.name.split('-')[1].capitalize()} {self.number}: {self.subject}"


def orders_of(networks, word, batches=(LARGE_BATCH,)):
    """Return an `Order` for each two of the networks, which stand in falling order, with each of some batch sizes.

    Args:
        networks: Their names, the one with the largest number first.
        word: What the larger number means, such as `is sharper`.
        batches: Batch sizes; where there are several, the statement names them.
    """
    return tuple(
        Order(
            f"{TITLES[first]} {word} than {TITLES[second]}" + (f", B{batch}" if len(batches) > 1 else ""),
            (first, batch),
            (second, batch),
        )
        for batch in batches
        for first, second in combinations(networks, 2)
    )


def orders_by_batch(networks, text):
    """Return an `Order` for each network: the larger batch has the larger number; `text` says what that means."""
    return tuple(
        Order(f"{TITLES[network]}: {text}", (network, LARGE_BATCH), (network, SMALL_BATCH))
        for network in networks
    )


_ALL, _BOTH = (LARGE_BATCH,), (SMALL_BATCH, LARGE_BATCH)
_BETTER = ("unet", "res-unet", "fcn-16s")
_SHARPER = ("fcn-16s", "res-unet", "unet")
_BY_BATCH = orders_by_batch(THREE, "batch 16 is sharper than batch 2")
_SCORES = {"networks": THREE, "batch_sizes": _ALL, "measure": "scores", "chosen": ALL_EPOCHS}
_EM = {"reader": "isbi2012", "batch_sizes": _ALL}

# Figure 2 shows three tasks: its reader is that of one of them at a time.
EXAMPLES = FCNTable(
    "landscape-figure-2",
    "answers of the three networks, by task",
    "isbi2012",
    THREE,
    _ALL,
    "pictures",
    ALL_EPOCHS,
)
NUMBERED = (
    FCNTable(
        "landscape-table-1",
        "best scores on EM segmentation (ISBI 2012)",
        "isbi2012",
        **_SCORES,
        orders=orders_of(_BETTER, "scores higher"),
    ),
    FCNTable(
        "landscape-table-2",
        "best scores on vessel extraction (DRIVE)",
        "drive",
        **_SCORES,
        orders=orders_of(_BETTER, "scores higher"),
    ),
    FCNTable(
        "landscape-table-3",
        "best scores on raindrop removal",
        "raindrop",
        **_SCORES,
        orders=orders_of(_BETTER, "scores higher"),
    ),
    FCNTable(
        "landscape-table-4",
        "sharpness of the three networks, ISBI 2012",
        **_EM,
        networks=THREE,
        measure="sharpness",
        chosen=EQUAL,
        eps=(0.1, 0.2),
        orders=orders_of(_SHARPER, "is sharper"),
    ),
    FCNTable(
        "landscape-table-5",
        "sharpness by skip connections, ISBI 2012",
        **_EM,
        networks=SKIPS,
        measure="sharpness",
        chosen=EQUAL,
        eps=(0.1, 0.2),
        orders=orders_of(SKIPS, "is sharper"),
    ),
    FCNTable(
        "landscape-table-6",
        "sharpness by batch size, ISBI 2012",
        "isbi2012",
        THREE,
        _BOTH,
        "sharpness",
        chosen=EQUAL_BY_NETWORK,
        eps=(0.01, 0.02),
        orders=_BY_BATCH + orders_of(_SHARPER, "is sharper", _BOTH),
    ),
    FCNTable(
        "landscape-figure-3",
        "training and test loss of the three networks, ISBI 2012",
        **_EM,
        networks=THREE,
        measure="curves",
        chosen=ALL_EPOCHS,
        orders=orders_of(("fcn-16s", "res-unet", "unet"), "has a higher test loss"),
    ),
    FCNTable(
        "landscape-figure-5",
        "loss surfaces of the three networks, ISBI 2012",
        **_EM,
        networks=THREE,
        measure="surfaces",
        chosen=EQUAL,
        range=0.5,
    ),
    FCNTable(
        "landscape-figure-6",
        "loss surfaces of FCN-8s and FCN-4s at the training loss of FCN-16s, ISBI 2012",
        **_EM,
        networks=SKIPS,
        measure="surfaces",
        chosen=EQUAL,
        range=0.5,
        drawn=SKIPS[1:],
        orders=orders_of(SKIPS, "has a higher test loss"),
    ),
    FCNTable(
        "landscape-figure-7",
        "training and test loss by batch size, ISBI 2012",
        "isbi2012",
        THREE,
        _BOTH,
        "curves",
        chosen=ALL_EPOCHS,
        orders=orders_by_batch(THREE, "batch 16 has a higher test loss than batch 2"),
    ),
    FCNTable(
        "landscape-figure-8",
        "loss surfaces by batch size, ISBI 2012",
        "isbi2012",
        THREE,
        _BOTH,
        "surfaces",
        chosen=EQUAL_BY_NETWORK,
        range=0.025,
    ),
)

OWN = (
    FCNTable(
        "landscape-orders",
        "sharpness of five networks and two batch sizes at equal loss, with tests of each order",
        "isbi2012",
        NETWORKS,
        _BOTH,
        "sharpness",
        eps=(0.1, 0.2, 0.01, 0.02),
        orders=(
            *orders_of(SKIPS, "is sharper", _BOTH),
            *orders_of(_SHARPER, "is sharper", _BOTH),
            *orders_by_batch(NETWORKS, "batch 16 is sharper than batch 2"),
        ),
        others=True,
    ),
    FCNTable(
        "landscape-scores-isbi2012",
        "scores of five networks at equal loss, ISBI 2012",
        "isbi2012",
        NETWORKS,
        _ALL,
        "scores",
    ),
    FCNTable(
        "landscape-scores-drive",
        "scores of five networks at equal loss, DRIVE",
        "drive",
        NETWORKS,
        _ALL,
        "scores",
    ),
    FCNTable(
        "landscape-scores-raindrop",
        "scores of five networks at equal loss, raindrop pairs",
        "raindrop",
        NETWORKS,
        _ALL,
        "scores",
    ),
    FCNTable(
        "landscape-scores-by-batch",
        "scores by batch size at equal loss, ISBI 2012",
        "isbi2012",
        THREE,
        _BOTH,
        "scores",
    ),
    FCNTable(
        "landscape-surfaces-skips",
        "loss surfaces of FCN-16s, FCN-8s and FCN-4s by filter, ISBI 2012",
        **_EM,
        networks=SKIPS,
        measure="surfaces",
        range=1.0,
    ),
    FCNTable(
        "landscape-surfaces-drive",
        "loss surfaces of the three networks by filter, DRIVE",
        "drive",
        THREE,
        _ALL,
        "surfaces",
        range=1.0,
    ),
    FCNTable(
        "landscape-surfaces-raindrop",
        "loss surfaces of the three networks by filter, raindrop pairs",
        "raindrop",
        THREE,
        _ALL,
        "surfaces",
        range=1.0,
    ),
)
TABLES = {table.name: table for table in (*NUMBERED, *OWN)}
