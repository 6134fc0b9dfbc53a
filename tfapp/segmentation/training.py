"""Train a segmenter in a run folder, with Keras `fit()`; a killed run resumes."""

from contextlib import nullcontext
from dataclasses import replace
from functools import partial
from pathlib import Path

import keras

from tfapp.claims import claiming
from tfapp.data import open_dataset, ordered_batches, training_stream
from tfapp.data.frames import MEMORY_BYTES
from tfapp.data.image_facts import remarks_on
from tfapp.data.streams import WHOLE, check_divisible
from tfapp.errors import InputError
from tfapp.landscape import TrajectoryRecorder
from tfapp.models import current_tv_weights, stride_of, tv_head
from tfapp.runs.callbacks import ReportProgress
from tfapp.runs.checkpoints import Checkpoints, read_history
from tfapp.runs.distributed.agreement import Followed, agree, check_alike
from tfapp.runs.distributed.joined_steps import join_steps
from tfapp.runs.distributed.peers import peer_losses
from tfapp.runs.fitting import fit_or_resume, logs_and_seconds, save_finished
from tfapp.runs.progress import SILENT
from tfapp.segmentation.building import new_model
from tfapp.segmentation.coding import refuse_other_coding
from tfapp.segmentation.compiling import compile_configured
from tfapp.segmentation.config import KEPT
from tfapp.segmentation.resume import begin_or_resume
from tfapp.segmentation.run import TRAJECTORY, Run

# A dozen images would make epochs of two steps, and twenty epochs would train nothing.
LEAST_STEPS = 50
_IN_WORDS = {"loss": "training loss", "val_loss": "validation loss"}


@claiming("out")
def train(
    spec,
    out,
    config,
    *,
    overwrite=False,
    callbacks=(),
    progress=SILENT,
    title="training",
    image_memory=MEMORY_BYTES,
    cache=None,
    peers=None,
):
    """Train the run in `out`, or resume it.

    Args:
        spec: Dataset as on the command line.
        out: Run folder.
        config: A `TrainConfig`.
        overwrite: Start again, removing an existing run in `out`.
        callbacks: Further Keras callbacks.
        progress: `Progress` that shows the batches with the running loss, and lambda.
        title: What the task is called there.
        image_memory: Bytes of decoded images that are kept, of the training images and of those for validation each.
            A run that resumes may have another number; the batches are those that it began with.
        cache: Folder in which decoded images are kept for this training and others, or None; see
            `tfapp.data.disk_cache.DiskCache`.
        peers: `tfapp.runs.distributed.peers.Peers` of worker 0, with which each batch is divided; the others call
            `help_to_train`.

    Returns:
        The finished `Run`.

    Raises:
        InputError: For anything in the input that cannot be used; nothing is written then.
        TrainingDiverged: If the loss becomes NaN or infinite; the last good checkpoint is kept.
    """
    _check_apart(out, cache)
    with progress.task(title, note="reading data") as task:
        watchers = [ReportProgress(task, tv_weight_note), *_recorder(out, config), *callbacks]
        run = _train(spec, Path(out), config, overwrite, watchers, progress.say, (image_memory, cache), peers)
        if task.total is None:
            task.finish("trained already")
    return run


def _check_apart(out, cache):
    """Raise InputError if the folder of decoded images and that of the run would mix."""
    if cache is not None:
        run, kept = Path(out).resolve(), Path(cache).resolve()
        if run == kept or run in kept.parents or kept in run.parents:
            raise InputError(f"`cache` {cache} must lie outside of `out` {out}, and not around it.")


def _recorder(out, config):
    """Return the callback, if any, that records the trajectory; it resumes with a run that resumes."""
    if config.trajectory is None:
        return []
    config.check()
    return [TrajectoryRecorder(Path(out) / TRAJECTORY, config.trajectory)]


def _as_it_began(config, out, overwrite):
    """Return the configuration with the iterations at inference of a run that resumes: 100 was the default once."""
    if config.tv_inference_iterations is not None or (run := Run.begun(out, overwrite)) is None:
        return config
    return replace(config, tv_inference_iterations=run.config.get("tv_inference_iterations"))


def _train(spec, out, config, overwrite, callbacks, say, keeping, peers):
    def begin_run():
        nonlocal config, begun
        config.check()
        config = _as_it_began(config, out, overwrite).completed()
        dataset = opened(spec, config, say)
        if peers is not None:
            check_divisible(config.batch_size, peers.count)
        # A checkpoint has the encoder's weights already: a run resumes without their file.
        fresh = overwrite or not kept.done()
        model = new_model(config, dataset, config.encoder_weights if fresh else None)
        run, frames = begin_or_resume(out, config, dataset, stride_of(model), overwrite, say, *keeping)
        begun = model, dataset, run, frames
        done = kept.done()
        return {"record": run.record, "epochs": done, "rows": read_history(out)[:done], "out": str(out)}

    kept, begun = Checkpoints(out, KEPT.get(config.keep)), None
    if peers is None:
        begin_run()
    else:
        check_alike(peers, config)
        agree(peers, begin_run)
        # The others open their data.
        agree(peers, lambda: None)
    model, dataset, run, frames = begun
    fitted = _fit(kept, model, config, dataset, run, frames, callbacks, keeping, peers)
    finished = None
    if kept.best is not None:
        finished = kept.best_model(fitted.rows)
        say(
            f"The model is that of epoch {kept.best_epoch(fitted.rows)}, whose {_IN_WORDS[kept.best]} was the smallest."
        )
    save_finished(fitted, run.path / run.model_file, finished)
    run.record_extension(
        config.command(dataset.spec, out), **{name: getattr(config, name) for name in config.extendable}
    )
    return run


def help_to_train(spec, config, peers, *, progress=SILENT, image_memory=MEMORY_BYTES, cache=None):
    """Train a run together with worker 0, which keeps it; this worker writes nothing.

    Args:
        spec: Dataset as on the command line, a copy of that of worker 0 or the same.
        config, progress, image_memory, cache: As for `train`.
        peers: `Peers` of this worker.

    Raises:
        InputError: At all workers, for anything that cannot be used at one of them, such as other data than worker 0
            has, other options or other versions.
    """
    with progress.task(f"training, worker {peers.cluster.index}", note="waiting for worker 0") as task:
        check_alike(peers, config)
        told = agree(peers, lambda: None)[0]
        begun, keeping = None, (image_memory, cache)

        def open_data():
            nonlocal begun, config
            config = config.completed()
            dataset = opened(spec, config, lambda sentence: None)
            # Where the run is kept there may be no such folder here.
            run = Run(told["out"], told["record"])
            if dataset.content_fingerprint() != run.content_fingerprint:
                raise InputError(
                    f"The data of {dataset.spec} are not those of worker 0; give each worker a copy of them."
                )
            refuse_other_coding(run, dataset)
            run.take_compared(dataset)
            begun = new_model(config, dataset, None), dataset, run, run.frames("train", *keeping)

        agree(peers, open_data)
        kept = Followed(told["out"], told["epochs"], told["rows"])
        _fit(kept, begun[0], config, *begun[1:], [ReportProgress(task, tv_weight_note)], keeping, peers)
        if task.total is None:
            task.finish("trained already")


def opened(spec, config, say):
    """Return the dataset of a training, checked and with its remarks said; random numbers begin with the seed."""
    dataset = open_dataset(spec)
    config.check_data(dataset)
    for remark in remarks_on(dataset):
        say(remark.text)
    keras.utils.set_random_seed(config.seed)
    return dataset


def _fit(kept, model, config, dataset, run, frames, callbacks, keeping, peers):
    """Return what `fit_or_resume` does; `keeping` is the pair of `image_memory` and `cache`."""
    steps = config.steps_per_epoch or max(LEAST_STEPS, -(-len(frames) // config.batch_size))
    share = WHOLE if peers is None else (peers.cluster.index, peers.count)

    def begin():
        compile_configured(model, config, dataset, steps)
        return model

    def data(epochs):
        stream = training_stream(
            frames,
            batch_size=config.batch_size,
            seed=config.seed,
            first_step=epochs * steps,
            augment=run.config["augment"],
            images_together=run.images_together,
            share=share,
        )
        split = "test" if config.validate_on_test else "validation"
        validation = run.frames(split, *keeping) if getattr(run.split, split) else None
        watched = None if validation is None else ordered_batches(validation, config.batch_size, share)
        return {"x": stream, "steps_per_epoch": steps, "validation_data": watched}

    with nullcontext() if peers is None else peer_losses():
        return fit_or_resume(
            kept,
            config.epochs,
            begin,
            data,
            row=_row,
            until_loss=config.until_loss,
            diverged=kept.diverged,
            prepare=None if peers is None else partial(join_steps, peers=peers),
            callbacks=callbacks,
        )


def _row(model, logs, seconds):
    return logs_and_seconds(model, {**logs, **tv_weight_columns(model)}, seconds)


def tv_weight_columns(model):
    """Return the weights of a model's TV head by column of `history.csv`; empty if it has no such head."""
    weights = _weights(model)
    names = ["tv_weight"] if len(weights) == 1 else [f"tv_weight_{i}" for i in range(len(weights))]
    return dict(zip(names, weights, strict=True))


def tv_weight_note(model):
    """Return the weights of a model's TV head as a progress bar shows them; empty if it has no such head."""
    weights = _weights(model)
    return " λ " + "/".join(f"{weight:.2f}" for weight in weights) if len(weights) else ""


def _weights(model):
    head = tv_head(model)
    return [] if head is None else current_tv_weights(head)
