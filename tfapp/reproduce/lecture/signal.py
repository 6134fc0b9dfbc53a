"""Equation 2 of the lecture notes: the gradient through a deep perceptron is a product that dies or explodes."""

from pathlib import Path
from typing import Annotated

from tfapp.reproduce.lecture import SOURCE
from tfapp.reproduce.study import Option, Result, Study, files_of

NAME = "lecture-equation-2"
DEPTHS = {"small": (5, 10, 20, 50), "paper": (5, 10, 20, 50, 100)}
WIDTH, SAMPLES = 256, 16
# How the weights begin: the two cases of the text, those that libraries have, and the remedy of the text.
CASES = ("orthogonal", "He", "Glorot", "large", "small", "large, batch normalised")
NOTES = (
    "Perceptrons of 256 ReLUs a layer, without biases, on normal random inputs; factors from one layer to the next, of "
    "the straight line through the logarithms. The gradient is that of a random direction of the output.",
    "The text says that the gradient of a network with orthogonal weights is of the magnitude exp(-ℓ), as ReLU kills "
    "half of the dimensions. It is 2^(-ℓ/2): half of the square of the length is lost in each layer, a factor of .707.",
    "He et al. (2015) put the lost half back into the weights, 1.41 times as large. Large: N(0, 1). Small: N(0, .01²). "
    "Batch normalisation, by the statistics of the samples, makes the size of the weights indifferent. It does not "
    "keep gradients as they are: they grow by about 1.21 to 1.25 a layer going backwards, sqrt(π / (π - 1)) in wide "
    "networks and large batches (G. Yang et al., A Mean Field Theory of Batch Normalization, ICLR 2019).",
)


def equation_2(
    out: Annotated[Path, Option(help="Folder for the table and the picture.")],
    scale: Annotated[str, Option(help="small: 5 to 50 layers; paper: to 100.")] = "small",
    seed: Annotated[int, Option(min=0, help="Of weights and inputs.")] = 0,
    *,
    progress,
    command,
):
    """Follow the signal through deep perceptrons of several initial weights."""
    from tfapp.files import write_text
    from tfapp.landscape import save_signals_png
    from tfapp.report.result_table import ResultTable, document

    depths, found = DEPTHS[scale], {}
    with progress.task("signals", len(depths) * len(CASES)) as task:
        for depth in depths:
            for case in CASES:
                found[case, depth] = signal_of(case, depth, seed)
                task.advance()
    rows = [
        (
            case,
            depth,
            *(f"{signal.rate(name):.3g}" for name in ("activation", "gradient", "gain")),
            f"{signal.layers[0].gradient / signal.layers[-1].gradient:.2g}",
            signal.sentences()[0],
        )
        for (case, depth), signal in found.items()
    ]
    header = (
        "weights",
        "layers",
        "activations",
        "gradients, backwards",
        "gain",
        "gradient, first / last",
        "",
    )
    table = ResultTable(header, rows)
    written = files_of(out, NAME, ".png", ".md", ".csv")
    title = f"Deep perceptrons, {depths[-1]} layers of {WIDTH} ReLUs"
    save_signals_png({case: found[case, depths[-1]] for case in CASES}, written[0], title)
    write_text(written[1], document(table, NOTES, title=title, source=f"{SOURCE}, eq. 2", command=command))
    table.write_csv(written[2])
    return Result([table.columns(0, 1, 2, 3, 4, 5)], written)


def perceptron(case, depth, seed, width=WIDTH):
    """Return a deep perceptron, `width` inputs and `depth` layers of as many ReLUs without biases.

    Args:
        case: One of `CASES`.
        depth: Number of layers.
        seed: Of the weights.
        width: Units of each layer.
    """
    import keras

    keras.utils.set_random_seed(seed)
    kinds = {
        "orthogonal": keras.initializers.Orthogonal,
        "He": keras.initializers.HeNormal,
        "Glorot": keras.initializers.GlorotNormal,
        "small": lambda: keras.initializers.RandomNormal(stddev=0.01),
    }
    make = kinds.get(case, lambda: keras.initializers.RandomNormal(stddev=1.0))
    layers = [keras.Input((width,))]
    for number in range(1, depth + 1):
        options = {"use_bias": False, "kernel_initializer": make(), "name": f"layer{number}"}
        layers.append(keras.layers.Dense(width, **options))
        if case.endswith("normalised"):
            layers.append(keras.layers.BatchNormalization(name=f"normalised{number}"))
        layers.append(keras.layers.ReLU(name=f"relu{number}"))
    return keras.Sequential(layers)


def signal_of(case, depth, seed):
    """Return the `Signal` through a perceptron; batch normalisation is by the statistics of the samples."""
    import numpy as np

    from tfapp.landscape import signal_propagation

    inputs = np.random.default_rng(seed).standard_normal((SAMPLES, WIDTH)).astype(np.float32)
    return signal_propagation(
        perceptron(case, depth, seed), inputs, training=case.endswith("normalised"), seed=seed
    )


STUDIES = (
    Study(
        NAME,
        "Equation 2: how activations and gradients grow or shrink through deep perceptrons, by their initial weights",
        f"{SOURCE}, eq. 2",
        ("Width, inputs and samples are assumed.",),
        {"small": "5 to 50 layers, a minute.", "paper": "5 to 100 layers."},
        equation_2,
    ),
)
