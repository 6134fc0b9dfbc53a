"""Options that the studies of Jia, Liu and Tai share, and what they mean for a training."""

import math
from pathlib import Path

from tfapp.errors import InputError
from tfapp.reproduce.study import Option, parameter, spec_of
from tfapp.reproduce.tv.tables import needs_encoder_weights, scale_settings

# Options of a study that are options of `TrainConfig`, and come before those of the scale.
OVERRIDES = (
    *("epochs", "steps_per_epoch", "batch_size", "resize", "crop", "base_width", "depth"),
    *("optimizer", "learning_rate", "momentum", "augment", "class_weighting"),
    *("test_share", "validation_share", "random_split", "train_images"),
    *("tv_gradient", "tv_step", "tv_weight"),
)
NO_WEIGHTS = "none"


def parameters_of(subject):
    """Return the `inspect.Parameter`s of the options of a study of a `Subject`."""
    optional = {
        "epochs": (int | None, "Epochs of each run.", "by scale"),
        "steps_per_epoch": (int | None, "Batches per epoch.", "by scale"),
        "batch_size": (int | None, "Batch size.", "by scale"),
        "base_width": (int | None, "Filters of the first level.", "by scale"),
        "depth": (int | None, "Poolings.", "by scale"),
        "optimizer": (str | None, "As in `tfapp train`.", "by scale"),
        "learning_rate": (float | None, "Learning rate.", "by scale"),
        "momentum": (float | None, "Momentum of sgd, bpgrad or alig.", "by scale"),
        "augment": (str | None, "As in `tfapp train`.", "by scale"),
        "class_weighting": (str | None, "none, balanced or median-frequency.", "by scale"),
        "test_share": (
            float | None,
            "Share of the images for testing, without an official split.",
            "by scale",
        ),
        "validation_share": (float | None, "Share watched while training; 0 for none.", "by scale"),
        "random_split": (bool | None, "Split at random also where there is an official split.", "by scale"),
        "train_images": (int | None, "Train on the first N training images only.", "by scale"),
        "train_noise": (
            str | None,
            "Noise on some training images of model 2; of several joined by | each image has one at random.",
            subject.train_noise,
        ),
        "noisy_share": (
            float | None,
            "Share of model 2's training images with that noise.",
            f"{subject.noisy} of {subject.training}",
        ),
        "tv_gradient": (
            str | None,
            "implicit (of the solution, by 8 steps), jacobian-free, unrolled, or one-step (Jia, Liu, Tai).",
            "one-step at paper scale, implicit at the others",
        ),
        "tv_step": (float | None, "Constant τλ of one-step.", "0.25"),
        "tv_weight": (float | None, "λ at the start of the training.", "1"),
        "post_tv": (
            float | None,
            "λ behind the plain network, chosen by hand as by Jia, Liu and Tai.",
            "chosen on validation images, on training images without such",
        ),
        "encoder_weights": (
            str | None,
            "VGG-16 weights for Segnet: a file of Keras, imagenet to download it, or none for random ones.",
            "needed at paper scale",
        ),
    }
    return [
        parameter("data", str, Option(help=f"{subject.data}: its folder, or {subject.reader}:PATH.")),
        parameter(
            "out", Path, Option(help="Folder of runs, tables, figures; a killed command resumes there.")
        ),
        parameter("scale", str, Option(help="small, medium or paper."), "small"),
        parameter(
            "seeds", tuple, Option(help="Seeds of training, comma-separated.", text="seeds"), (0, 1, 2)
        ),
        *(
            parameter(name, kind, Option(help=text, show_default=default), None)
            for name, (kind, text, default) in optional.items()
        ),
        parameter(
            "resize",
            tuple | None,
            Option(help="Resize images to N or HEIGHTxWIDTH.", show_default="by scale", text="size"),
            None,
        ),
        parameter(
            "crop",
            tuple | None,
            Option(
                help="Train on random crops of N or HEIGHTxWIDTH.",
                show_default="by scale, none with --resize",
                text="crop",
            ),
            None,
        ),
        parameter("overwrite", bool, Option(help="Start again, removing these runs in --out."), False),
    ]


def spec_for(subject, data, made_of, say):
    """Return the specification of a subject's data: of the white blood cells Dataset 2, if there are both.

    Args:
        subject: `Subject`.
        data: Folder, or `READER:PATH`.
        made_of: As of `spec_of`.
        say: Function of a sentence that a person should read.
    """
    spec = spec_of(data, subject.reader, made_of)
    folder = Path(spec.partition(":")[2])
    second = folder / "Dataset 2"
    if subject.reader == "wbc" and second.is_dir() and (folder / "Dataset 1").is_dir():
        say(
            f"{folder} holds both sets of white blood cells; the tables are of Dataset 2, so wbc:{second} is taken and "
            "Dataset 1 left out. Name the one that you mean to have another."
        )
        return f"wbc:{second}"
    return spec


def check_models(name, models, options):
    """Raise InputError for noise of a training set if a study trains model 1 alone, which has clean images.

    Args:
        name: What the study makes, such as `Table 1`.
        models: Numbers of the models that it trains.
        options: Options of the study.
    """
    given = next((one for one in ("train_noise", "noisy_share") if options.get(one) is not None), None)
    if given is not None and 2 not in models:
        raise InputError(
            f"{name} is of model 1, which trains on clean images; `{given}` is for model 2, that of the next table."
        )


def config_for(subject, model, spec, scale, options):
    """Return the `TrainConfig` of the runs of a model, checked against the data before anything is written.

    Args:
        subject: `Subject`.
        model: 1 trains on clean images, 2 on a noisy set.
        spec: Specification of the data.
        scale: One of `SCALES`.
        options: Options of the study; None, or left out, for what the scale has.

    Raises:
        InputError: For options that do not suit each other or the data.
    """
    from tfapp.data import open_dataset, split_items
    from tfapp.segmentation.config import TrainConfig

    weight = options.get("post_tv")
    if weight is not None and not 0 <= weight < math.inf:
        raise InputError(f"`post_tv` must be a number of at least 0; got {weight}.")
    dataset = open_dataset(spec)
    sizes = {item.size for item in dataset.items}
    config = TrainConfig(**settings_for(subject, model, scale, sizes, options))
    config.check()
    shares = config.test_share, config.validation_share
    split_items(dataset, config.split_seed, *shares, config.random_split)
    return config


def settings_for(subject, model, scale, sizes, options):
    """Return the options of `TrainConfig` of a model at a scale, those that were given in the place of the scale's.

    Args:
        subject, model, scale, options: As of `config_for`.
        sizes: Set of the (height, width) of the images.
    """
    settings = scale_settings(subject.reader, scale, sizes)
    given = {name: options[name] for name in OVERRIDES if options.get(name) is not None}
    if given.get("optimizer", settings["optimizer"]) != settings["optimizer"]:
        # Rate and momentum of one solver mean nothing to another.
        settings = {
            name: value for name, value in settings.items() if name not in ("learning_rate", "momentum")
        }
    if "resize" in given and "crop" not in given:
        # The crop of a scale is for images as they are.
        settings = {name: value for name, value in settings.items() if name != "crop"}
    if model == 2:
        given |= _noise(subject, options)
    given["encoder_weights"] = _encoder_weights(subject, scale, options.get("encoder_weights"))
    return settings | given


def _noise(subject, options):
    noise, share = options.get("train_noise"), options.get("noisy_share")
    return {
        "train_noise": subject.train_noise if noise is None else noise,
        "noisy_share": subject.noisy_share if share is None else share,
    }


def _encoder_weights(subject, scale, given):
    if given is None and needs_encoder_weights(subject.reader, scale):
        raise InputError(
            "At `scale` paper Segnet starts from the weights of VGG-16, as in section 4: name their file "
            "(vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5 of keras.applications) by `encoder_weights`, or say "
            "imagenet for Keras to download it, or none to train from random weights, which deviates from the text."
        )
    return None if given == NO_WEIGHTS else given
