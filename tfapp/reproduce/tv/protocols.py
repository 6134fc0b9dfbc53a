"""Protocols of Jia, Liu and Tai beside those that the studies train by, and the study `tv-protocols` of them."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated

from tfapp.report.result_table import ResultTable, document
from tfapp.reproduce.study import Option, Result, Study, files_of
from tfapp.reproduce.tv.published import published_protocol
from tfapp.reproduce.tv.tables import ASSUMED, SCALES, SOURCE, TABLES, needs_encoder_weights

# Of the published data: the images of all, and those of the official lists for training, validation and test.
RELEASES = {"wbc": (100, None), "camvid": (701, (367, 101, 233)), "sunrgbd": (10335, (5285, 0, 5050))}
SIZES = {"wbc": (300, 300), "camvid": (360, 480), "sunrgbd": (530, 730)}


def protocol_of(subject, model, config, split, steps):
    """Return the protocol of a training beside that of the text.

    Args:
        subject: `Subject`.
        model: 1 or 2.
        config: `TrainConfig`.
        split: `Split` of its data.
        steps: Batches of an epoch.
    """
    text, config = published_protocol(subject.reader), config.completed()
    size = "as they are" if config.resize is None else f"resized to {config.resize[0]}x{config.resize[1]}"
    if config.crop is not None:
        crop = f"a random crop of {config.crop[0]}x{config.crop[1]}"
        size = crop if config.resize is None else f"{size}, {crop}"
    noisy = round(config.noisy_share * len(split.train)) if model == 2 else 0
    weights = "random" if config.encoder_weights is None else "VGG in the encoder, He elsewhere"
    rows = [
        ("training images", len(split.train), text["training images"]),
        ("validation images", len(split.validation), text["validation images"]),
        ("test images", len(split.test), text["test images"]),
        ("size of images", size, text["images"]),
        ("noisy training images", noisy, text["noisy training images"] if model == 2 else 0),
        ("their noise", config.train_noise or "none", text["noise"] if model == 2 else "none"),
        ("network", config.model, text["network"]),
        ("initial weights", weights, _weights_in_words(text["initial weights"])),
        ("optimizer", config.optimizer, text["optimizer"]),
        ("momentum", f"{config.momentum:g}", f"{text['momentum']:g}"),
        ("learning rate", f"{config.learning_rate:g}", f"{text['learning rate']:g}"),
        ("batch size", config.batch_size, text["batch size"]),
        ("iterations", config.epochs * steps, text["iterations"]),
        ("augmentation", config.augment, "none named"),
        ("class weights", config.class_weighting, "none named"),
        ("TV in training", config.tv_gradient, "one-step"),
        ("λ at the start", f"{config.tv_weight:g}", "not said"),
        ("τλ of one-step", f"{config.tv_step:g}", "set by hand"),
        ("filters of the first level", config.base_width, "not said"),
    ]
    return ResultTable(["protocol", "here", "in the text"], [list(map(_text, row)) for row in rows])


def _text(value):
    return f"{value:,}" if isinstance(value, int) else value


def _weights_in_words(name):
    return {"VGG": "VGG in the encoder, He elsewhere"}.get(name, name)


def planned_protocol(table, scale):
    """Return the protocol of a table at a scale for the whole published data, from the settings alone."""
    from tfapp.data import split_items
    from tfapp.reproduce.tv.options import settings_for
    from tfapp.segmentation.config import TrainConfig

    subject = table.subject
    options = {"encoder_weights": "imagenet"} if needs_encoder_weights(subject.reader, scale) else {}
    config = TrainConfig(**settings_for(subject, table.model_number, scale, {SIZES[subject.reader]}, options))
    split = split_items(
        _published_data(subject.reader),
        *(config.split_seed, config.test_share, config.validation_share, config.random_split),
    )
    if config.train_images is not None:
        split = split.with_train_images(config.train_images)
    planned = protocol_of(subject, table.model_number, config, split, config.steps_per_epoch)
    numbers = (
        f"{table.number - 1} (without the noise) and {table.number}"
        if table.model_number == 2
        else table.number
    )
    return replace(planned, title=f"{subject.data}, table {numbers}")


def _published_data(reader):
    """Return a `Dataset` of as many items as were published, without files."""
    from tfapp.data import Dataset, Item, Split

    count, lists = RELEASES[reader]
    items = tuple(Item(str(i), None, None, SIZES[reader], (), str(i)) for i in range(count))
    official = None
    if lists is not None:
        train, validation, _ = lists
        parts = (items[:train], items[train : train + validation], items[train + validation :])
        official = Split.of_items(*parts)
    return Dataset(reader, ("",), 3, items, official_split=official)


def tv_protocols(
    out: Annotated[Path, Option(help="Folder for tv-protocols.md.")],
    scale: Annotated[str, Option(help="small, medium or paper.")] = "paper",
    *,
    progress,
    command,
):
    """Print how the tables are trained at a scale, beside what section 4 says; nothing is trained."""
    del progress
    from tfapp.files import write_text

    shown = [planned_protocol(table, scale) for table in TABLES.values() if table.model_number == 2]
    [file] = files_of(out, "tv-protocols", ".md")
    head = {"title": f"Protocols of the tables at scale {scale}", "source": SOURCE, "command": command}
    blocks = [block for table in shown for block in (f"{table.title}:", table)]
    write_text(file, document(*blocks, [SCALES[scale], ASSUMED], **head))
    return Result([*shown, SCALES[scale], ASSUMED], [file])


STUDIES = (
    Study(
        "tv-protocols",
        "How each table of Jia, Liu and Tai is trained at a scale, beside what their text says",
        SOURCE,
        (ASSUMED,),
        SCALES,
        tv_protocols,
    ),
)
