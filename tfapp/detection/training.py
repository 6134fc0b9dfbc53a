"""Train a detector in a run folder, with Keras `fit()`; a killed run resumes."""

from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from shutil import rmtree

import keras
import numpy as np

from tfapp.claims import claiming
from tfapp.data import open_boxes
from tfapp.data.boxed import BoxedImages, check_boxed
from tfapp.data.image_facts import remarks_on
from tfapp.data.splits import Split, share_out
from tfapp.detection.backbones import VGG16, open_backbone
from tfapp.detection.batches import ordered_batches, training_stream
from tfapp.detection.framing import check_image_size
from tfapp.detection.losses import losses_of
from tfapp.detection.model import build_detector, prepare_for_training
from tfapp.detection.proposals.of_run import FOLDER, fingerprint_of, proposals_of
from tfapp.detection.proposals.recall import recall_of, recall_table
from tfapp.detection.run import DetectionRun, anchors_of, sampler_of
from tfapp.detection.sampling import offset_scale
from tfapp.errors import InputError
from tfapp.runs.accelerators import jit_compile
from tfapp.runs.callbacks import ReportProgress
from tfapp.runs.checkpoints import Checkpoints
from tfapp.runs.fitting import fit_or_resume, refuse_fewer, save_finished
from tfapp.runs.full_paths import with_full_paths
from tfapp.runs.progress import SILENT

# Images whose regions tell the mean and the deviation of the offsets.
_IMAGES_FOR_SCALE = 500


@claiming("out")
def train(spec, out, config, *, command="", overwrite=False, progress=SILENT, title="training"):
    """Train the detector in `out`, or resume it.

    Args:
        spec: What `tfapp.data.open_boxes` takes.
        out: Run folder.
        config: `DetectionConfig`.
        command: Command line to keep in `run.json`.
        overwrite: Start again, removing an existing run in `out`.
        progress: `Progress` that shows the batches with the running loss.
        title: What the task is called there.

    Returns:
        The finished `DetectionRun`.

    Raises:
        InputError: For anything in the input that cannot be used; nothing is written then.
        TrainingDiverged: If the loss becomes NaN or infinite; the last good checkpoint is kept.
    """
    config.check()
    out = Path(out)
    begun = DetectionRun.begun(out, overwrite)
    data = open_boxes(spec)
    for remark in remarks_on(data):
        progress.say(remark.text)
    config = with_full_paths(config, "backbone", "weights", "proposals")
    split = split_boxed(data, config)
    train_images = _of_names(data, split.train)
    if config.batch_size > len(train_images):
        raise InputError(
            f"The batch size is {config.batch_size} but there are only {len(train_images)} training images; use "
            f"`batch_size` {len(train_images)} or less."
        )
    keras.utils.set_random_seed(config.seed)
    kept, model = Checkpoints(out), None
    if begun is None:
        model, stride, config = _new_model(config, data, progress)
    else:
        check_same(begun, config, data)
        refuse_fewer(kept, config.epochs)
        stride, config = begun.record["stride"], replace(config, input_scale=begun.config.input_scale)
        if not kept.done():
            model, stride, config = _new_model(config, data, progress)
    _tell_split(data, split, kept.done(), config, progress)
    for image in (image for part in data.splits for image in part):
        check_image_size(image.file, image.size, config.shorter_side, config.longer_side, stride)
    if begun is None:
        stored = {
            "spec": data.spec,
            "fingerprint": data.fingerprint(),
            "class_names": list(data.class_names),
            "split": split.to_json(),
        }
        # Before the proposals, which the folder of the run keeps as they are made.
        begun = DetectionRun.create(
            out,
            command,
            config=asdict(config),
            data=stored,
            stride=stride,
            proposals=fingerprint_of(config.proposals),
        )
    try:
        proposals = proposals_of(
            config.proposals, train_images, out, min_side=config.min_side, progress=progress
        )
        if proposals is not None:
            _tell_recall(train_images, proposals, data, progress)
        if "offset_scale" not in begun.record:
            scale = _measured_scale(sampler_of(config, stride, train_images, proposals), data.num_classes)
            begun.record["offset_scale"] = scale.to_json()
            begun.save()
        with progress.task(title) as task:
            _fit(begun, kept, model, config, data, train_images, proposals, task)
            if task.total is None:
                task.finish("trained already")
    except InputError:
        # Proposals that took time stay, as do epochs, and are resumed.
        if not kept.done() and not (out / FOLDER).exists():
            rmtree(out)
        raise
    begun.record_extension(command, epochs=config.epochs)
    return begun


def _tell_split(data, split, done, config, progress):
    """Say how many images and objects are trained on and tested on, and after which epoch a run resumes."""
    told = []
    for names, use in ((split.train, "training"), (split.validation, "validation"), (split.test, "testing")):
        if names:
            objects = sum(len(image.boxes) for image in _of_names(data, names))
            told.append(f"{len(names)} images with {objects} objects for {use}")
    progress.say(f"{', '.join(told)}.")
    if 0 < done < config.epochs:
        progress.say(f"Training resumes after epoch {done} of {config.epochs}.")


def _new_model(config, data, progress):
    """Return the model, its stride, and the configuration with what the backbone takes for white."""
    backbone = open_backbone(
        config.backbone,
        weights=config.weights,
        layer=config.layer,
        input_scale=config.input_scale,
        frozen_stride=config.frozen_stride,
    )
    if config.input_scale is None and backbone.scale_reason:
        progress.say(
            f"{config.backbone} gets images with {backbone.input_scale:g} for white: {backbone.scale_reason}."
        )
    progress.say(f"Features are those of layer {backbone.layer}, of stride {backbone.stride}.")
    model = build_detector(
        backbone,
        data.num_classes,
        anchors_of(config),
        pool=config.pool,
        head_width=config.head_width,
        dropout=config.dropout,
    )
    is_vgg = config.backbone == VGG16 and config.weights is not None
    decay = config.weight_decay if config.decays_loss else 0.0
    prepare_for_training(model, decay, config.weights if is_vgg else None)
    return model, backbone.stride, replace(config, input_scale=backbone.input_scale)


def _tell_recall(images, proposals, data, progress):
    boxes = [image.boxes for image in images]
    recall = recall_of(boxes, (proposals[index] for index in range(len(images))), data.num_classes)
    progress.table(recall_table(recall, data.class_names, f"proposals of {len(images)} training images"))


def split_boxed(data, config):
    """Return the `Split` of a `BoxedSet`: as the data say, otherwise at random.

    Raises:
        InputError: If a part is left without an image or without an object.
    """
    rng = np.random.default_rng([config.split_seed, 0x5EED])
    names = [image.name for image in data.train]
    total = len(names)
    if data.test is None:
        tested = max(1, round(config.test_share * total))
        test, names = names_apart(names, tested, rng)
    else:
        test = tuple(image.name for image in data.test)
    watched = round(config.validation_share * len(names))
    validation, train = names_apart(names, watched, rng)
    split = Split(tuple(train), tuple(validation), tuple(test))
    if not split.train:
        raise InputError(
            f"Of the {total} image(s) of {data.spec} none is left to train on; give a smaller `test_share` than "
            f"{config.test_share:g} or `validation_share` than {config.validation_share:g}, or more images."
        )
    check_boxed(data.spec, training=_of_names(data, split.train), testing=_of_names(data, split.test))
    return split


def names_apart(names, count, rng):
    """Return `count` of some names at random, and the others."""
    if not count:
        return [], list(names)
    left, taken = share_out([[name] for name in names], [count], rng)
    return taken, left


def _of_names(data, names):
    by_name = {image.name: image for part in data.splits for image in part}
    return BoxedImages(tuple(by_name[name] for name in names))


def _measured_scale(sampler, num_classes):
    """Return the `OffsetScale` of regions of training images."""
    count = min(len(sampler.images), _IMAGES_FOR_SCALE)
    return offset_scale([sampler.regions_of(index) for index in range(count)], num_classes)


def check_same(run, config, data):
    """Raise InputError if a run that resumes has other data or options, but for those that may extend it."""
    run.refuse_other({"data": data.spec}, {"data": run.record["data"]["spec"]})
    now, then = asdict(config), asdict(run.config)
    if config.input_scale is None:
        now["input_scale"] = then["input_scale"]
    run.refuse_other({name: value for name, value in now.items() if name not in config.extendable}, then)
    run.check_fingerprint(data, "images or boxes", "was begun; use another `out`.")


def _fit(run, kept, model, config, data, images, proposals, task):
    steps = -(-len(images) // config.batch_size)
    sampler = run.sampler(images, proposals, augmented=True)

    def begin():
        model.compile(optimizer=config.make_solver(steps), loss=losses_of(model), jit_compile=jit_compile())
        # Left to the first step, the variables of the optimizer have TensorFlow trace that step twice.
        model.optimizer.build(model.trainable_variables)
        return model

    def batches(epochs):
        stream = training_stream(sampler, config.batch_size, config.seed, epochs * steps)
        return {"x": stream, "steps_per_epoch": steps, "validation_data": _watched(run, config, data)}

    # A detector's rate stands in its `solver`.
    remedy = f"a smaller rate than that of `solver` {config.solver}, or a smaller `weight_decay`"
    diverged = partial(kept.diverged, remedy=remedy)
    with sampler.failing_in_words():
        fitted = fit_or_resume(
            kept, config.epochs, begin, batches, diverged=diverged, callbacks=[ReportProgress(task)]
        )
    save_finished(fitted, run.path / run.model_file)


def _watched(run, config, data):
    images = run.images("validation", data)
    if not len(images):
        return None
    return ordered_batches(run.sampler(images, run.proposals(images)), config.batch_size, config.seed)
