"""Begin the run of a segmenter in a folder, or resume the one that was begun there."""

from dataclasses import asdict

from tfapp.data.copies import copies_sentences, image_hashes, truth_hashes
from tfapp.data.frames import MEMORY_BYTES
from tfapp.errors import InputError
from tfapp.runs.checkpoints import Checkpoints
from tfapp.runs.fitting import refuse_fewer
from tfapp.segmentation.coding import refuse_other_coding
from tfapp.segmentation.preparation import prepare
from tfapp.segmentation.run import Run
from tfapp.segmentation.stored_config import with_defaults


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
    prepared = prepare(config, dataset, stride, say, image_memory, cache)
    framing, split, frames = prepared.framing, prepared.split, prepared.frames
    resolved = {"resize": framing.resize, "patch": framing.patch, "augment": prepared.augment}
    requested = {name: getattr(config, name) for name in resolved}
    derived = {
        "requested": requested,
        "class_weights": prepared.weights,
        "images_together": prepared.images_together,
    }
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


def _check_same(run, config, dataset):
    now = {
        name: list(value) if isinstance(value, tuple) else value
        for name, value in asdict(config).items()
        if name not in config.extendable
    }
    now["dataset"] = dataset.spec
    # An option that is younger than the run had its default then.
    then = with_defaults(run.config) | run.config["requested"] | {"dataset": run.record["data"]["spec"]}
    if config.schedule == then["schedule"] and not config.extendable and config.epochs != then["epochs"]:
        told = f"`solver` {config.solver}" if config.solver else f"`schedule` {config.schedule}"
        raise InputError(
            f"{run.path} holds a run of {then['epochs']} epochs, not {config.epochs}, and its learning rate ends with "
            f"them ({told}): only other rates can be given more. Use another `out`, or `overwrite` to start again."
        )
    run.refuse_other(now, then)
    refuse_other_coding(run, dataset)
    if dataset.content_fingerprint() != run.content_fingerprint:
        raise InputError(
            f"The data of {dataset.spec} changed since {run.path} began; use `overwrite` to start again."
        )
