"""Arrays in forms that no measure takes are refused in one sentence, the same for all."""

import keras
import numpy as np
import pytest
import scipy.sparse
import tensorflow as tf

from tfapp.errors import InputError
from tfapp.landscape import Hessian, LandscapeTensorBoard, landscape, sharpness, summarise_curvature
from tfapp.landscape.samples import as_batches
from tfapp.optimizers import estimate_lipschitz

X = np.random.default_rng(0).normal(size=(6, 3)).astype("float32")
Y = X[:, :1]

MEASURES = {
    "landscape": landscape,
    "Hessian": Hessian,
    "sharpness": sharpness,
    "summarise_curvature": summarise_curvature,
    "estimate_lipschitz": estimate_lipschitz,
    "LandscapeTensorBoard": lambda model, *data: LandscapeTensorBoard("logs", *data),
}


@pytest.fixture(scope="module")
def model():
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    return model


@pytest.mark.parametrize("measure", MEASURES)
def test_sparse_matrices_are_refused_by_every_measure(model, measure):
    with pytest.raises(
        ValueError, match="Expected dense arrays. Received: `x` with a csr_matrix; make it dense"
    ):
        MEASURES[measure](model, scipy.sparse.csr_matrix(X), Y)


@pytest.mark.parametrize("measure", MEASURES)
def test_lists_of_numbers_are_refused_by_every_measure(model, measure):
    sentence = (
        r"Expected `y` to be an array.*Received: a list with a float; make it an array, `np.asarray\(y\)`"
    )
    with pytest.raises(ValueError, match=sentence):
        MEASURES[measure](model, X, Y.tolist())


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        ((tf.sparse.from_dense(X), Y), "`x` with a SparseTensor; make it dense first"),
        (({"a": tf.RaggedTensor.from_tensor(X)}, Y), "`x` with a RaggedTensor; make it dense first"),
        ((X, scipy.sparse.coo_array(Y)), "`y` with a coo_array; make it dense first"),
        ((X, Y, [1.0] * 6), "Expected `sample_weight` to be an array.*Received: a list with a float"),
        ((3.0, Y), "Expected `x` to be an array.*Received: a float"),
        ((list(X), Y), r"Received: \[3, 6\]. A list of arrays is several inputs or outputs"),
        ((X.astype(object), Y), "Expected arrays that TensorFlow takes. Received: ndarray of dtype object"),
    ],
)
def test_what_came_is_named(data, sentence):
    with pytest.raises(InputError, match=sentence):
        as_batches(*data)
