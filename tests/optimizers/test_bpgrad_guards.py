"""What BPGrad does with steps that cannot be taken, and with arguments that cannot be."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfapp.optimizers import BPGrad


def line(start=3.0):
    """A model with one weight w and the output w."""
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, use_bias=False)])
    model.layers[0].kernel.assign([[start]])
    return model


def value_of(truth, output):
    return tf.reduce_mean(truth * output)


def fitted(optimizer, factors, loss=value_of, start=3.0, **options):
    """Train on batches of one whose loss is factor * w."""
    model = line(start)
    model.compile(optimizer, loss, **{"jit_compile": False, **options})
    factors = np.array(factors, "float32")[:, None]
    model.fit(np.ones_like(factors), factors, batch_size=1, shuffle=False, verbose=0)
    return model, model.layers[0].kernel.numpy().item()


@pytest.mark.parametrize("jit", [True, False])
def test_batches_without_a_usable_step_are_as_if_they_had_not_been(jit):
    # Two whose loss is not a number, two infinite ones, two without a gradient.
    bad = [value for value in (np.nan, np.inf, 0.0) for _ in range(2)]
    with pytest.warns(
        UserWarning, match="skipped 4 of 9 steps because the loss or its gradient was NaN or infinite"
    ):
        model, weight = fitted(BPGrad(10.0), [1, *bad, 1, 1], jit_compile=jit)
    plain, expected = fitted(BPGrad(10.0), [1, 1, 1])
    assert weight == expected
    assert model.optimizer.measured() == plain.optimizer.measured() | {"num_skipped": 6.0}


def test_state_stays_finite_when_every_batch_is_nan():
    with pytest.warns(UserWarning, match="skipped every step because the loss or its gradient was NaN"):
        model, weight = fitted(BPGrad(10.0), [np.nan] * 3)
    assert weight == 3.0 and model.optimizer.measured()["num_skipped"] == 3
    assert all(np.isfinite(v.numpy()).all() for v in model.optimizer.variables[3:])


def test_nan_among_accumulated_batches_skips_the_step_and_is_forgotten():
    optimizer = BPGrad(10.0, gradient_accumulation_steps=2)
    with pytest.warns(UserWarning, match="skipped 1 of 2 steps"):
        model, weight = fitted(optimizer, [1, np.nan, 1, 1])
    assert weight == fitted(BPGrad(10.0), [1])[1]
    assert model.optimizer.measured()["num_skipped"] == 1


@pytest.mark.parametrize("options", [{"jit_compile": True}, {"jit_compile": False}, {"run_eagerly": True}])
def test_negative_loss_is_skipped_and_told(options):
    told = r"bpgrad skipped every step because the loss was negative.* `loss_offset` \(now 0\)"
    with pytest.warns(UserWarning, match=told) as warned:
        model, weight = fitted(BPGrad(10.0), [1, 1], start=-3.0, **options)
    assert len(warned) == 1
    assert weight == -3.0 and model.optimizer.measured()["num_skipped"] == 2


def test_each_training_tells_its_own_skipped_steps():
    with pytest.warns(UserWarning, match="skipped every step"):
        model, _ = fitted(BPGrad(10.0), [1, 1], start=-3.0)
    with pytest.warns(UserWarning, match="skipped 1 of 3 steps"):
        model.fit(np.ones((3, 1)), np.array([[-1.0], [1.0], [-1.0]]), batch_size=1, shuffle=False, verbose=0)


@pytest.mark.parametrize("options", [{"jit_compile": False}, {"run_eagerly": True}])
def test_negative_loss_is_told_once_by_train_on_batch_and_again_by_the_next_training(options):
    model, one = line(-3.0), np.ones((1, 1), "float32")
    model.compile(BPGrad(10.0), value_of, **options)
    with pytest.warns(UserWarning, match="skipped every step because the loss was negative") as warned:
        for _ in range(3):
            model.train_on_batch(one, one)
    assert len(warned) == 1 and model.optimizer.measured()["num_skipped"] == 3
    factors = np.array([[1.0], [-1.0]], "float32")
    with pytest.warns(UserWarning, match="skipped 1 of 2 steps because the loss was negative") as warned:
        model.fit(np.ones((2, 1)), factors, batch_size=1, shuffle=False, verbose=0)
    assert len(warned) == 1


def test_train_on_batch_of_another_optimizer_is_as_it_was():
    model, one = line(), np.ones((1, 1), "float32")
    model.compile("sgd", value_of, jit_compile=False)
    assert model.train_on_batch(one, one, return_dict=True) == {"loss": 3.0}


def test_step_of_an_eager_loop_is_told_at_once():
    model, optimizer = line(), BPGrad(10.0)
    with pytest.warns(UserWarning, match="the loss was negative"):
        optimizer.apply([tf.ones((1, 1))], model.trainable_variables, loss=tf.constant(-1.0))


def test_loss_of_one_number_per_sample_is_refused():
    model = line()
    with pytest.raises(
        ValueError, match=r"`loss` must be one number.*`tf.reduce_mean\(loss\)`.*shape \(64,\)"
    ):
        BPGrad().apply([tf.ones((1, 1))], model.trainable_variables, loss=tf.ones(64))


class Doubling(keras.callbacks.Callback):
    """Sets a setting to twice its value from the second epoch on."""

    def __init__(self, name):
        super().__init__()
        self.name = name

    def on_epoch_begin(self, epoch, logs=None):
        if epoch:
            setattr(self.model.optimizer, self.name, 2 * getattr(self.model.optimizer, self.name))


@pytest.mark.parametrize("jit", [True, False])
def test_lipschitz_constant_of_a_callback_is_used(jit):
    # f = w: 3, then L = 10 gives a step of (3 - 0.3) / 10 to 2.73; L = 20 gives (2.73 - 0.273) / 20.
    model = line()
    model.compile(BPGrad(10.0, momentum=0.0), value_of, jit_compile=jit)
    one = np.ones((1, 1), "float32")
    model.fit(one, one, epochs=2, verbose=0, callbacks=[Doubling("lipschitz")])
    assert model.layers[0].kernel.numpy().item() == pytest.approx(2.73 - 0.12285)
    assert model.optimizer.measured()["lipschitz"] == 20 == model.optimizer.get_config()["lipschitz"]


@pytest.mark.parametrize(
    ("name", "before", "after"),
    [("rho", 0.1, 0.5), ("momentum", 0.9, 0.5), ("max_step", 0.5, 0.1), ("loss_offset", 1.0, 2.0)],
)
def test_setting_changed_in_training_holds_from_the_next_step(name, before, after):
    model, optimizer = line(), BPGrad(10.0, **{name: before})
    optimizer.build(model.trainable_variables)
    weight = model.layers[0].kernel

    @tf.function
    def step():
        optimizer.apply([tf.ones((1, 1))], model.trainable_variables, loss=tf.reduce_sum(weight.value))

    step()
    setattr(optimizer, name, after)
    step()
    first = 3 - min(
        (3 + (before if name == "loss_offset" else 0)) * (1 - (before if name == "rho" else 0.1)) / 10, 0.5
    )
    values = {"rho": 0.1, "momentum": 0.9, "max_step": np.inf, "loss_offset": 0.0, name: after}
    loss = first + values["loss_offset"]
    # The smallest loss so far counts as it was seen, with the offset of its time.
    least = min(loss, 3 + (before if name == "loss_offset" else 0))
    expected = min((loss - values["rho"] * least) / 10, values["max_step"])
    assert optimizer.measured()["step_size"] == pytest.approx(expected)
    assert weight.numpy().item() == pytest.approx(first + values["momentum"] * (first - 3) - expected)


@pytest.mark.parametrize(
    ("made", "name", "value"),
    [
        (BPGrad(10.0), "lipschitz", "auto"),
        (BPGrad("auto"), "lipschitz", 10.0),
        (BPGrad(10.0, momentum=0.0), "momentum", 0.9),
        (BPGrad(10.0), "max_step", 0.1),
        (BPGrad("auto"), "auto_quantile", 0.9),
        (BPGrad(10.0), "weight_decay", 0.1),
    ],
)
def test_setting_that_needs_another_graph_is_refused_once_training_has_begun(made, name, value):
    optimizer = type(made).from_config(made.get_config())
    setattr(optimizer, name, value)
    optimizer = made
    optimizer.build(line().trainable_variables)
    with pytest.raises(ValueError, match=f"`{name}` cannot be changed from .* once training has begun"):
        setattr(optimizer, name, value)
    assert getattr(optimizer, name) != value


def test_setting_out_of_range_is_refused_at_any_time():
    optimizer = BPGrad(10.0)
    with pytest.raises(ValueError, match="`rho` must lie in"):
        optimizer.rho = 2


def test_loss_offset_makes_negative_losses_usable():
    # f = w + 5 at w = -3 is 2: the first step is (2 - 0.2) / 10 long.
    assert fitted(BPGrad(10.0, rho=0.1, loss_offset=5.0), [1], start=-3.0)[1] == pytest.approx(-3.18)


def test_max_step_limits_the_step():
    # (3 - 0.3) / 1 would be 2.7.
    assert fitted(BPGrad(1.0, rho=0.1, max_step=0.5), [1])[1] == pytest.approx(2.5)


def test_too_small_a_lipschitz_constant_is_shown_by_the_gradient():
    measured = fitted(BPGrad(1.0), [2])[0].optimizer.measured()
    assert measured["max_gradient_norm"] == 2 > measured["lipschitz"]


def test_training_loop_without_the_loss_is_told_what_to_do():
    model = line()
    optimizer = BPGrad()
    with pytest.raises(RuntimeError, match=r"needs the loss of the step.*optimizer\.scale_loss\(loss\)"):
        optimizer.apply([tf.ones((1, 1))], model.trainable_variables)


def test_loss_is_not_used_twice():
    model, optimizer = line(), BPGrad()
    optimizer.apply([tf.ones((1, 1))], model.trainable_variables, loss=tf.constant(3.0))
    with pytest.raises(RuntimeError, match="no loss"):
        optimizer.apply([tf.ones((1, 1))], model.trainable_variables)


@pytest.mark.parametrize(
    "argument, value",
    [
        ("lipschitz", 0.0),
        ("lipschitz", -1),
        ("lipschitz", float("nan")),
        ("lipschitz", float("inf")),
        ("lipschitz", "automatic"),
        ("lipschitz", None),
        ("rho", 1.0),
        ("rho", -0.1),
        ("rho", float("nan")),
        ("momentum", 1.0),
        ("momentum", -0.5),
        ("max_step", 0),
        ("max_step", float("nan")),
        ("loss_offset", float("inf")),
        ("auto_steps", 0),
        ("auto_steps", 2.5),
        ("auto_quantile", 0),
        ("auto_quantile", 1.5),
        ("form", "text"),
        ("decay", "decoupled"),
        ("zero_gradient", None),
    ],
)
def test_argument_out_of_range_is_named(argument, value):
    with pytest.raises(ValueError, match=f"`{argument}` must .*Received: {argument}="):
        BPGrad(**{argument: value})
