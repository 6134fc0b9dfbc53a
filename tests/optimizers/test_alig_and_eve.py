import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.optimizers import loss_aware_rules as rules
from tfapp.optimizers import ALIG, BPGrad, Eve

pytestmark = pytest.mark.slow

BETAS = (0.9, 0.99, 0.9)


@pytest.mark.parametrize("jit", [True, False])
@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_alig_follows_its_paper(momentum, jit):
    weights, _ = rules.fitted(ALIG(0.2, momentum=momentum, epsilon=1e-5), jit_compile=jit)
    np.testing.assert_allclose(weights, rules.alig(0.2, momentum, 1e-5), atol=2e-6)


def test_clipping_makes_no_step_of_alig_longer():
    weights, _ = rules.fitted(ALIG(0.2, momentum=0.0, epsilon=1e-5, global_clipnorm=0.3))
    np.testing.assert_allclose(weights, rules.alig(0.2, 0.0, 1e-5, largest=0.3), atol=2e-6)


@pytest.mark.parametrize("jit", [True, False])
def test_eve_follows_its_paper(jit):
    weights, _ = rules.fitted(Eve(0.1, *BETAS, clip=10.0), jit_compile=jit)
    np.testing.assert_allclose(weights, rules.eve(0.1, BETAS, 10.0, 1e-8), atol=2e-5)


def test_eve_without_feedback_is_adam():
    # The feedback starts at 1 and, with beta_3 next to 1, stays there.
    weights, _ = rules.fitted(Eve(0.1, beta_3=1 - 1e-9))
    adam, _ = rules.fitted(keras.optimizers.Adam(0.1, epsilon=1e-8))
    np.testing.assert_allclose(weights, adam, atol=2e-6)


@pytest.mark.parametrize("make", [lambda **o: ALIG(0.2, **o), lambda **o: Eve(0.1, **o)], ids=["alig", "eve"])
def test_batches_of_nan_are_skipped_and_counted(make):
    x = rules.X.copy()
    x[:16] = np.nan
    with pytest.warns(
        UserWarning, match="skipped 5 of 20 steps because the loss or its gradient was NaN or infinite"
    ):
        weights, optimizer = rules.fitted(make(), x)
    assert np.isfinite(weights).all() and optimizer.measured()["num_skipped"] == 5


@pytest.mark.parametrize("make", [lambda **o: ALIG(0.2, **o), lambda **o: Eve(0.1, **o)], ids=["alig", "eve"])
def test_training_resumed_from_a_file_goes_the_same_way(make, tmp_path):
    def fit(model):
        model.fit(rules.X, rules.Y, batch_size=16, shuffle=False, verbose=0)
        return model

    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1, use_bias=False)])
    model.compile(make(), "mse")
    fit(model).save(tmp_path / "half.keras")
    resumed = fit(keras.models.load_model(tmp_path / "half.keras"))
    np.testing.assert_allclose(resumed.get_weights()[0], fit(model).get_weights()[0], atol=1e-7)


@pytest.mark.parametrize(
    "kind, argument, value",
    [
        (ALIG, "momentum", 1.0),
        (ALIG, "epsilon", 0.0),
        (Eve, "beta_1", 1.0),
        (Eve, "beta_3", -0.1),
        (Eve, "clip", 1.0),
        (Eve, "epsilon", 0.0),
    ],
)
def test_argument_out_of_range_is_named_by_its_rule(kind, argument, value):
    with pytest.raises(ValueError, match=f"`{argument}` must .*Received: {argument}="):
        kind(**{argument: value})


@pytest.mark.parametrize(
    "optimizer", [lambda: BPGrad(50.0), lambda: ALIG(0.1), Eve], ids=["BPGrad", "ALIG", "Eve"]
)
def test_weight_decay_that_is_0_at_first_may_be_set_while_it_trains(optimizer):
    optimizer = optimizer()
    optimizer.weight_decay = 0.0
    variable = keras.Variable([3.0])
    optimizer.build([variable])
    step = tf.function(lambda: optimizer.apply([tf.constant([0.1])], [variable], loss=tf.constant(1.0)))
    step()
    optimizer.weight_decay = 1.0
    before = float(variable[0])
    step()
    assert optimizer.measured()["loss"] == pytest.approx(1 + before**2 / 2)
