"""How sure a network with dropout is: the mean of its answers with dropout, their entropy and mutual information."""

from contextlib import contextmanager
from typing import NamedTuple

import keras
import numpy as np

from tfapp.errors import InputError
from tfapp.models.tiling import AUTO, TiledNetwork

_DROPOUTS = (keras.layers.Dropout, keras.layers.AlphaDropout, keras.layers.GaussianDropout)


class SampledAnswer(NamedTuple):
    """What the answers with dropout come to, pixel by pixel.

    Attributes:
        probabilities: Their mean, float `(..., classes)`.
        entropy: Of the mean, in nats, from 0 to ln(classes), float `(...)`: how unsure the network is in all.
        mutual_information: What of the entropy is about the weights, in nats, from 0 to the entropy, float `(...)`: the
            entropy of the mean less the mean of the entropies. Where every answer is unsure in the same way it is 0;
            where they are sure and differ it is the entropy.
    """

    probabilities: np.ndarray
    entropy: np.ndarray
    mutual_information: np.ndarray

    @classmethod
    def of(cls, answers):
        """Return it of answers, arrays of probabilities `(..., classes)`, at least one, one after the other.

        Example:
            >>> unsure = SampledAnswer.of([np.array([0.5, 0.5]), np.array([0.5, 0.5])])
            >>> differing = SampledAnswer.of([np.array([1.0, 0.0]), np.array([0.0, 1.0])])
            >>> [round(float(one), 3) for one in (*unsure[1:], *differing[1:])]
            [0.693, 0.0, 0.693, 0.693]
        """
        count, total, entropies = 0, 0.0, 0.0
        for answer in answers:
            answer = np.asarray(answer, np.float64)
            count, total, entropies = count + 1, total + answer, entropies + entropy(answer)
        mean = total / count
        of_mean = entropy(mean)
        # Rounding can take it below 0.
        return cls(mean, of_mean, np.maximum(of_mean - entropies / count, 0.0))


def entropy(probabilities) -> np.ndarray:
    """Return -sum p ln p over the last axis, in nats; p = 0 counts 0."""
    logarithms = np.log(probabilities, where=probabilities > 0, out=np.zeros_like(probabilities))
    return -(probabilities * logarithms).sum(-1)


def monte_carlo_dropout(model, images, samples, seed=0) -> SampledAnswer:
    """Return what the answers of a network to images come to when its dropout drops as in training.

    All else is as at inference: batch normalisation by its moving statistics, a TV head at its iterations there.

    Args:
        model: Keras model from images to probabilities, with a dropout layer of a rate above 0.
        images: float32 `(batch, height, width, channels)`, or whatever else the model takes.
        samples: Answers, at least 2.
        seed: Of what is dropped.

    Raises:
        InputError: For fewer samples, or a model without dropout.

    Reference:
        Y. Gal, Z. Ghahramani, "Dropout as a Bayesian Approximation: Representing Model Uncertainty in Deep Learning",
        ICML 2016; the mutual information as in N. Houlsby, F. Huszár, Z. Ghahramani, M. Lengyel, "Bayesian Active
        Learning for Classification and Preference Learning", 2011, eq. 2.
    """
    check_samples(samples)
    with dropping(model, seed):
        return SampledAnswer.of(
            keras.ops.convert_to_numpy(model(images, training=False)) for _ in range(samples)
        )


def check_samples(samples):
    """Raise InputError for a number of answers of which nothing can be told."""
    if samples < 2:
        raise InputError(f"`samples` must be at least 2, of which a mean is taken; got {samples}.")


def check_dropout(model):
    """Raise InputError for a model without dropout."""
    if not dropout_layers(model):
        raise InputError(
            f"The network {model.name} has no dropout, so that all its answers would be the same: train one with "
            "`dropout` above 0, such as 0.2, or leave out `samples`."
        )


def dropout_layers(model) -> list:
    """Return the layers of a Keras model, and of models within it, that drop in training."""
    return [one for one in model._flatten_layers() if isinstance(one, _DROPOUTS) and one.rate > 0]


@contextmanager
def dropping(model, seed=0):
    """Have the dropout layers of a model drop whether it trains or not, within the block.

    Graphs that are traced within the block go on dropping behind it.

    Args:
        model: Keras model.
        seed: Of what is dropped.

    Yields:
        Function without arguments that has the layers draw from the start again.

    Raises:
        InputError: For a model without dropout.
    """
    check_dropout(model)
    layers = dropout_layers(model)
    before = [np.array(layer.seed_generator.state) for layer in layers]
    # Layers that had one seed would drop the same.
    seeds = np.random.SeedSequence(seed).generate_state(len(layers))

    def restart():
        for layer, one in zip(layers, seeds, strict=True):
            layer.seed_generator.state.assign(np.array([one, 0], np.uint32))

    for layer in layers:
        # By the instance: `training` of the whole model would change batch normalisation and TV heads too.
        layer.call = _dropping_call(layer)
    try:
        restart()
        yield restart
    finally:
        for layer, state in zip(layers, before, strict=True):
            del layer.call
            layer.seed_generator.state.assign(state)


def _dropping_call(layer):
    def call(inputs, training=False):
        del training
        return type(layer).call(layer, inputs, training=True)

    return call


class SampledNetwork(TiledNetwork):
    """A network whose answers are those with dropout, put together, within the block of its `drawing` alone.

    An answer is `(height, width, classes + 2)`: the mean probabilities, their entropy and the mutual information. Every
    tile of an image that is cut is dropped by itself.

    Args:
        model, channels, tile, margin: As of `TiledNetwork`.
        samples: Answers, at least 2.
        seed: Of what is dropped. An image has the same answer whatever others are beside it.
    """

    def __init__(self, model, channels, samples, seed=0, tile=AUTO, margin=None):
        check_samples(samples)
        check_dropout(model)
        # Before anything drops, as it is found by trial how far the layers look.
        super().__init__(model, channels, tile, margin)
        self._samples, self._seed, self._restart = samples, seed, None

    @contextmanager
    def drawing(self):
        """Have the network answer, within the block."""
        with dropping(self._model, self._seed) as self._restart:
            yield

    def whole(self, image):
        self._restart()
        return self._joined(lambda: super(SampledNetwork, self).whole(image))

    def bands(self, source, tiling, advance=lambda: None, finish=lambda answer: answer):
        self._restart()
        return super().bands(source, tiling, advance, finish)

    def _answered(self, seen, rows, columns):
        return self._joined(lambda: super(SampledNetwork, self)._answered(seen, rows, columns))

    def _joined(self, draw):
        found = SampledAnswer.of(draw() for _ in range(self._samples))
        return np.concatenate([found.probabilities, *(one[..., None] for one in found[1:])], -1)
