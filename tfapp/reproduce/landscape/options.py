"""Options of the studies of Lu and Tong, and what they mean for a training."""

from pathlib import Path

from tfapp.errors import InputError, either
from tfapp.reproduce.landscape.protocol import ALL_EPOCHS, own_settings, paper_settings
from tfapp.reproduce.landscape.tables import RESOLUTION
from tfapp.reproduce.study import Option, parameter, spec_of

# Options of a study that are options of `TrainConfig`, and come before those of the scale.
OVERRIDES = (
    *("epochs", "base_width", "learning_rate", "resize", "patch", "overlap", "head", "loss", "test_share"),
    *("modules", "widths", "equal_parameters"),
)
DIRECTIONS = ("lu-tong", "unit-filter", "filter", "layer")
_MOST_POINTS = 1000


def training_options():
    """Return the `inspect.Parameter`s of the options that say how networks are trained."""
    by_scale = {
        "epochs": (int | None, "Epochs at most."),
        "base_width": (int | None, "Filters of the first level."),
        "learning_rate": (float | None, "Learning rate."),
        "patch": (int | None, "Cut square patches."),
        "overlap": (int | None, "Pixels that neighbouring patches share."),
        "head": (str | None, "softmax, sigmoid or identity."),
    }
    frames = Option(
        min=1,
        help="Frames of one epoch, augmented ones counted.",
        show_default="432 at small scale, eight times the training set at paper scale",
    )
    size = Option(help="Resize images to N or HEIGHTxWIDTH.", show_default="by scale", text="size")
    modules = Option(
        help="Residual modules of the proposed network by level, from the image down.", show_default="1,1,1,1"
    )
    widths = Option(help="Filters of the proposed network by level.", show_default="by the base width")
    equal = Option(help="FCN-16s, -8s and -4s with as many parameters as U-Net has.")
    return [
        parameter("frames", int | None, frames, None),
        *(
            parameter(name, kind, Option(help=text, show_default="by scale"), None)
            for name, (kind, text) in by_scale.items()
        ),
        parameter("resize", tuple | None, size, None),
        parameter("modules", str | None, modules, None),
        parameter("widths", str | None, widths, None),
        parameter("equal_parameters", bool, equal, False),
    ]


def options_of(table):
    """Return the `inspect.Parameter`s of the options of the study of an `FCNTable`."""
    others = ", or any other images with masks, such as wbc:PATH" if table.others else ""
    data = Option(help=f"Folder of the data, or {table.reader}:PATH{others}.")
    seeds = (0, 1, 2, 3, 4) if table.measure == "sharpness" else (0, 1, 2)
    return [
        parameter("data", str, data),
        parameter("out", Path, OUT),
        parameter("scale", str, Option(help="small or paper."), "small"),
        parameter("seeds", tuple, SEEDS, seeds),
        *training_options(),
        *(split_options() if table.number else [parameter("loss", str | None, _LOSS, None)]),
        *_measuring(table),
        parameter("overwrite", bool, OVERWRITE, False),
    ]


def example_options():
    """Return the `inspect.Parameter`s of the options of figure 2, whose tasks are those of the data that are given."""
    tasks = {
        "isbi2012": "Folder of ISBI 2012, for electron microscopy.",
        "drive": "Folder of DRIVE, for vessels.",
        "raindrop": "Folder of the raindrop pairs.",
    }
    return [
        parameter("out", Path, OUT),
        *(
            parameter(name, str | None, Option(help=text, show_default="none"), None)
            for name, text in tasks.items()
        ),
        parameter("scale", str, Option(help="small or paper."), "small"),
        parameter("seeds", tuple, SEEDS, (0,)),
        *training_options(),
        *split_options(),
        parameter("overwrite", bool, OVERWRITE, False),
    ]


OUT = Option(help="Folder of runs and results; tables and figures with the same one share the runs.")
SEEDS = Option(help="Seeds of training, comma-separated; pictures are of the first.", text="seeds")
OVERWRITE = Option(help="Start again, removing this table's runs in --out.")
_LOSS = Option(help="cross-entropy, or mse.", show_default="by scale")


def split_options():
    """Return the `inspect.Parameter`s of the options of the split, of which the paper's is 7:3."""
    share = Option(
        help="Share of the images that is tested on; the others are trained on.", show_default="0.3"
    )
    official = Option(
        help="Keep the official split of DRIVE and of the raindrop pairs, in place of 7:3 of all."
    )
    return [
        parameter("test_share", float | None, share, None),
        parameter("official_split", bool, official, False),
    ]


def _measuring(table):
    found = []
    if table.measure in ("sharpness", "surfaces") or not table.number:
        text = "Training frames that sharpness and surfaces are measured on."
        found.append(
            parameter("samples", int | None, Option(min=1, help=text, show_default="by scale"), None)
        )
    if table.measure == "sharpness":
        text = "Sizes ε of the box of Lu and Tong, comma-separated."
        found.append(parameter("eps", tuple, Option(help=text, text="sizes"), table.eps))
    if table.measure == "surfaces" and table.number:
        found += [
            parameter("directions", str, Option(help=f"{either(DIRECTIONS)}."), "lu-tong"),
            parameter("range", float, Option(help="Half width r of the window."), table.range),
            parameter(
                "resolution",
                int,
                Option(min=2, help="n of Algorithm 1, which has n + 1 points along each axis."),
                RESOLUTION,
            ),
        ]
    if table.number and table.chosen == ALL_EPOCHS and table.measure == "scores":
        text = "Epochs between two that are scored."
        found.append(parameter("every", int | None, Option(min=1, help=text, show_default="by scale"), None))
    if table.number and table.chosen != ALL_EPOCHS:
        text = "Training loss at which networks are compared."
        default = "0.03 at paper scale but for batch sizes, otherwise the smallest that all of a seed reach"
        found.append(parameter("until_loss", float | None, Option(help=text, show_default=default), None))
    return found


def check_measuring(options):
    """Raise InputError for options of the measurement that are out of their choices or range."""
    if options.get("directions") not in (None, *DIRECTIONS):
        raise InputError(f"`directions` must be {either(DIRECTIONS)}; got {options['directions']!r}.")
    for name in ("range", "until_loss"):
        value = options.get(name)
        if value is not None and not 0 < value < float("inf"):
            raise InputError(f"`{name}` must be a finite number above 0; got {value}.")
    if options.get("resolution") is not None and options["resolution"] > _MOST_POINTS:
        raise InputError(f"`resolution` must be at most {_MOST_POINTS}; got {options['resolution']}.")


def data_of(table, data, official_split=False):
    """Return the specification of a table's data: all raindrop pairs, unless the official split counts."""
    from tfapp.data import names_dataset, names_image_pairs

    if table.others and names_dataset(data) and not names_image_pairs(data):
        return data
    spec = spec_of(data, table.reader, f"{table.name} is made of other data")
    all_pairs = table.number and table.reader == "raindrop" and not official_split and "?" not in spec
    return f"{spec}?pairs=all" if all_pairs else spec


def config_of(table, spec, options):
    """Return the `TrainConfig` of all runs of a table, checked before anything is written, and the training frames.

    Args:
        table: `FCNTable`.
        spec: Specification of its data.
        options: Those of the study by name.
    """
    from tfapp.data import Frames, choose_framing, open_dataset, split_items
    from tfapp.models import REGRESSION_HEADS
    from tfapp.reproduce.landscape.trainings import for_network
    from tfapp.segmentation.config import TrainConfig

    given = {name: options[name] for name in OVERRIDES if options.get(name) is not None}
    settings = paper_settings if table.number else own_settings
    chosen = settings(spec.partition(":")[0], options["scale"]) | given
    if chosen.get("label_image"):
        # A softmax of one channel would be 1 everywhere.
        chosen["label_image"] = chosen["head"] in REGRESSION_HEADS
    if options.get("official_split"):
        chosen["random_split"] = False
    config = TrainConfig(**chosen)
    for name in ("modules", "widths"):
        if options.get(name) and "res-unet" not in table.networks:
            raise InputError(
                f"`{name}` is of the proposed network, res-unet, which {table.name} does not have."
            )
    for network in table.networks:
        for_network(config, network).check()
    dataset = open_dataset(spec)
    config.check_data(dataset)
    framing = choose_framing(dataset, 2**config.depth, config.resize, config.patch, config.overlap)
    shares = config.test_share, config.validation_share
    split = split_items(dataset, config.split_seed, *shares, config.random_split)
    return config, len(Frames(dataset, dataset.select(split.train), framing))
