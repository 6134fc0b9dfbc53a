"""Begin the run of a segmenter in a folder, or resume the one that was begun there."""

from dataclasses import asdict, replace

from tfapp.data import Frames, choose_framing, noisy_set, split_items
from tfapp.data.augmentation import parse_augmentation
from tfapp.data.copies import copies_sentences, image_hashes, truth_hashes
from tfapp.data.cropping import border_remark
from tfapp.data.frames import MEMORY_BYTES
from tfapp.data.framing import small_image_remark
from tfapp.data.streams import check_batches
from tfapp.errors import InputError
from tfapp.report.markup import sentence_list
from tfapp.runs.checkpoints import Checkpoints
from tfapp.runs.fitting import refuse_fewer
from tfapp.segmentation.class_weighting import class_weights
from tfapp.segmentation.coding import refuse_other_coding
from tfapp.segmentation.config import SYMMETRIES, with_defaults
from tfapp.segmentation.run import Run
from tfapp.segmentation.tv_options import check_whole


def begin_or_resume(
    out, config, dataset, stride, overwrite, say=lambda sentence: None, image_memory=MEMORY_BYTES, cache=None
):
    """Return (run, training frames); every refusal of the input comes before the first file.

    Args:
        out: Run folder.
        config: A `TrainConfig`.
        dataset: The opened dataset.
        stride: The network's stride.
        overwrite: Remove an existing run in `out`.
        say: Function of a sentence that a person should read before the training.
        image_memory: Bytes of decoded training images that are kept.
        cache: Folder in which decoded images are kept, or None.

    Raises:
        InputError: For a folder that is not free, another run in it, changed data, or data that do not
            fit the configuration.
    """
    run = Run.begun(out, overwrite)
    if run is not None:
        _check_same(run, config, dataset)
        refuse_fewer(Checkpoints(out), config.epochs)
        # Opened and compared above: large folders are not read a second time.
        run.take_compared(dataset)
        return run, run.frames("train", image_memory, cache)
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
    resolved = {"resize": framing.resize, "patch": framing.patch, "augment": augment}
    requested = {name: getattr(config, name) for name in resolved}
    derived = {"requested": requested, "class_weights": weights, "images_together": together}
    stored = {**asdict(config), **resolved, **derived}
    content, hashes = dataset.content_fingerprint(), image_hashes(dataset.items)
    for sentence in copies_sentences(split, hashes):
        say(sentence)
    data = {
        "spec": dataset.spec,
        "fingerprint": dataset.fingerprint(content),
        # Apart too: runs from before the coding counted have this one alone, and are compared by it.
        "content": content,
        "images": hashes,
        "truths": truth_hashes(dataset.items),
        "coding": dataset.coding,
        # Beside the coding: the fingerprint covers that, and palettes came later.
        "colours": dataset.class_colours,
        "class_names": list(dataset.class_names),
        "channels": dataset.channels,
        "ignore_value": dataset.ignore_value,
        "split": split.to_json(),
    }
    run = Run.create(out, config.command(dataset.spec, out), config=stored, data=data)
    run.take_compared(dataset)
    return run, frames


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


def _check_same(run, config, dataset):
    now = {
        name: list(value) if isinstance(value, tuple) else value
        for name, value in asdict(config).items()
        if name not in config.extendable
    }
    now["dataset"] = dataset.spec
    # An option that is younger than the run had its default then.
    then = with_defaults(run.config) | run.config["requested"] | {"dataset": run.record["data"]["spec"]}
    if config.schedule == then["schedule"] != "constant" and config.epochs != then["epochs"]:
        raise InputError(
            f"{run.path} holds a run of {then['epochs']} epochs, not {config.epochs}, and its learning rate ends with "
            f"them (`schedule` {config.schedule}): only a constant rate can be given more. Use another `out`, or "
            "`overwrite` to start again."
        )
    run.refuse_other(now, then)
    refuse_other_coding(run, dataset)
    if dataset.content_fingerprint() != run.content_fingerprint:
        raise InputError(
            f"The data of {dataset.spec} changed since {run.path} began; use `overwrite` to start again."
        )
