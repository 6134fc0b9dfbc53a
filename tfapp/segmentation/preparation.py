"""What a training of a segmenter is made on: its framing, its split, and the training images, read once."""

from dataclasses import dataclass, replace
from typing import Any

from tfapp.data import Frames, choose_framing, noisy_set, split_items
from tfapp.data.augmentation import parse_augmentation
from tfapp.data.cropping import border_remark
from tfapp.data.frames import MEMORY_BYTES
from tfapp.data.framing import small_image_remark
from tfapp.data.streams import check_batches
from tfapp.errors import InputError
from tfapp.report.markup import sentence_list
from tfapp.runs.rates import refuse_watched_validation
from tfapp.segmentation.class_weighting import class_weights
from tfapp.segmentation.config import SYMMETRIES
from tfapp.segmentation.tv_options import check_whole


@dataclass(frozen=True, eq=False)
class Prepared:
    """What a training is made on.

    Attributes:
        framing: How images become frames.
        split: Which images train, validate and test.
        frames: `Frames` of the training images, weighted.
        weights: Of the classes, or None.
        images_together: Of how many images frames are shuffled with each other, or None for all.
        augment: Text of the augmentation, with the symmetry that fits the frames.
    """

    framing: Any
    split: Any
    frames: Frames
    weights: Any
    images_together: int | None
    augment: str


def prepare(
    config, dataset, stride, say=lambda sentence: None, image_memory=MEMORY_BYTES, cache=None
) -> Prepared:
    """Return what a training that begins now is made on; every refusal of the data comes here, and nothing is written.

    Args:
        config, dataset, stride, say, image_memory, cache: As of `tfapp.segmentation.resume.begin_or_resume`.

    Raises:
        InputError: For data that do not fit the configuration.
    """
    framing = choose_framing(
        dataset, stride, config.resize, config.patch, config.overlap, config.crop, config.crop_border
    )
    check_whole(config, framing)
    if config.patch is None and (remark := small_image_remark(dataset, stride, framing)):
        say(remark)
    shares = config.test_share, config.validation_share
    split = split_items(dataset, config.split_seed, *shares, config.random_split)
    if config.train_images is not None:
        split = split.with_train_images(config.train_images)
    if config.keep == "validation-loss" and not split.validation:
        raise InputError(
            "`keep` validation-loss needs images for validation, and there are none; raise `validation_share`, or use "
            "`keep` training-loss or last."
        )
    if not split.validation:
        refuse_watched_validation(config.named_schedule, "The decay on plateau")
    noisy = noisy_set(split.train, config.train_noise, config.noisy_share, config.split_seed)
    frames = Frames(
        dataset, dataset.select(split.train), framing, noisy_set=noisy, memory=image_memory, cache=cache
    )
    # A damaged image is told now, not after an hour; what fits stays in memory for the training.
    read = frames.read_all()
    weights = class_weights(read.label_counts, config.class_weighting, dataset.spec)
    frames = frames.weighted(weights)
    for sentence in _missing_classes(dataset, read.label_counts):
        say(sentence)
    together = frames.images_together(read.nbytes)
    if together is not None:
        say(_past_memory(len(frames.items), read.nbytes, image_memory, together))
    augmentation = parse_augmentation(config.augment, SYMMETRIES)
    if augmentation.symmetry == "auto":
        augmentation = replace(augmentation, symmetry=_fitting_symmetry(frames))
    augment = str(augmentation)
    check_batches(frames, config.batch_size, augment)
    if framing.crop and (remark := _small(frames, augmentation)):
        say(remark)
    return Prepared(framing, split, frames, weights, together, augment)


def _fitting_symmetry(frames):
    height, width, _ = frames.frame_shape
    return "dihedral" if height == width else "flips"


def _small(frames, augmentation):
    framing, (least_scale, _) = frames.framing, augmentation.scale or (1.0, 1.0)
    return border_remark(frames.items, framing.resize, framing.crop, least_scale, framing.crop_border)


def _past_memory(images, nbytes, memory, together):
    return (
        f"The {images} training images take {nbytes / 2**20:,.0f} MiB decoded, and {memory / 2**20:,.0f} MiB are kept "
        f"(`image_memory`): patches of {together} image(s) at a time are shuffled with each other, so that each image "
        "is decoded once in a pass."
    )


def _missing_classes(dataset, counts):
    """Return sentences on classes that the training images do not show.

    Args:
        dataset: The dataset.
        counts: Their labelled pixels by frame and class; None of image pairs.

    Raises:
        InputError: If fewer than two classes are left to learn.
    """
    if counts is None:
        return []
    shown = counts.any(axis=0)
    missing = [name for name, one in zip(dataset.class_names, shown, strict=True) if not one]
    if dataset.num_classes - len(missing) < 2:
        raise InputError(
            f"The training images of {dataset.spec} show no labelled pixel of {', '.join(missing)}, so fewer than two "
            "classes are left to learn; use more training images, another `split_seed`, or mend the masks."
        )
    # Lists of official datasets may name a hundred rare classes.
    return missing and [f"No training image shows {sentence_list(missing)}: the network cannot learn it."]
