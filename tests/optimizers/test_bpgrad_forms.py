"""Forms of BPGrad, of the text and of the code that its authors published, each against NumPy."""

import numpy as np
import pytest

from tests.optimizers.algorithm2 import follow
from tests.optimizers.test_bpgrad_fit import batches, distance, network, squared_error, trained
from tests.optimizers.test_bpgrad_guards import fitted, line, value_of
from tfapp.optimizers import BPGrad

AUTHORS = {"form": "authors", "decay": "in-gradient"}


@pytest.mark.parametrize("decay", ["in-loss", "in-gradient"])
@pytest.mark.parametrize("form", ["algorithm-2", "authors"])
def test_weights_follow_each_form_with_each_decay(form, decay):
    options = {"form": form, "decay": decay, "weight_decay": 0.05}
    reference = network()
    losses, best, etas, norms = follow(reference, squared_error, batches(16, 32), lipschitz=20.0, **options)
    model = trained(network(), BPGrad(20.0, **options), size=16, steps=32)
    assert distance(model, reference) < 2e-6
    expected = {"loss": losses[-1], "best_loss": best[-1], "step_size": etas[-1], "gradient_norm": norms[-1]}
    measured = model.optimizer.measured()
    assert {name: measured[name] for name in expected} == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("form", ["algorithm-2", "authors"])
def test_loss_is_the_mean_since_the_epoch_began_with_mean_steps(form):
    options = {"form": form, "decay": "in-gradient", "weight_decay": 0.05, "mean_steps": 5}
    reference = network()
    losses, best, etas, _ = follow(reference, squared_error, batches(16, 12), lipschitz=20.0, **options)
    model = trained(network(), BPGrad(20.0, **options), size=16, steps=12)
    assert distance(model, reference) < 2e-6
    measured = model.optimizer.measured()
    expected = {"loss": losses[-1], "best_loss": best[-1], "step_size": etas[-1]}
    assert {name: measured[name] for name in expected} == pytest.approx(expected, rel=1e-4)


def test_step_that_is_skipped_does_not_count_in_the_mean():
    optimizer = BPGrad(1e9, mean_steps=10, momentum=0.0)
    with pytest.warns(UserWarning, match="skipped 1 of 3 steps"):
        fitted(optimizer, [1.0, np.nan, 3.0])
    # The weight stays at 3, with steps this short: losses of 3 and 9.
    assert optimizer.measured()["loss"] == pytest.approx(6.0)


@pytest.mark.parametrize("value", [0, -1, 2.5, "epoch"])
def test_steps_of_the_mean_must_be_a_positive_integer(value):
    with pytest.raises(ValueError, match="`mean_steps` must be a positive integer"):
        BPGrad(mean_steps=value)


@pytest.mark.slow
@pytest.mark.parametrize("options", [{"jit_compile": True}, {"run_eagerly": True}], ids=["jit", "eager"])
def test_form_of_the_authors_is_the_same_however_it_runs(options):
    reference = network()
    follow(reference, squared_error, batches(), lipschitz=20.0, weight_decay=0.05, **AUTHORS)
    model = trained(network(), BPGrad(20.0, weight_decay=0.05, **AUTHORS), **options)
    assert distance(model, reference) < 2e-6


def test_both_forms_are_one_without_momentum():
    one, other = (
        trained(network(), BPGrad(20.0, momentum=0.0, form=form)) for form in ("algorithm-2", "authors")
    )
    assert distance(one, other) < 1e-6


def test_clipping_leaves_the_decay_in_the_gradient_as_it_is():
    def clipped(gradients):
        norm = np.sqrt(sum(np.sum(g**2) for g in gradients))
        cut = [np.clip(g, -0.05, 0.05) for g in gradients]
        return [g * norm / np.sqrt(sum(np.sum(c**2) for c in cut)) for g in cut]

    reference = network()
    follow(
        reference,
        squared_error,
        batches(),
        lipschitz=20.0,
        weight_decay=0.05,
        decay="in-gradient",
        change=clipped,
    )
    model = trained(network(), BPGrad(20.0, weight_decay=0.05, decay="in-gradient", clipvalue=0.05))
    assert distance(model, reference) < 1e-5


def stepped(optimizer, factors):
    """Return the weight after steps on batches of one whose loss is |factor| * 2 + factor * (w - 3)."""
    model = line(3.0)
    model.compile(optimizer, lambda truth, output: value_of(truth, output - 3.0) + 2.0, jit_compile=False)
    factors = np.array(factors, "float32")[:, None]
    model.fit(np.ones_like(factors), factors, batch_size=1, shuffle=False, verbose=0)
    return model, model.layers[0].kernel.numpy().item()


def test_random_direction_where_the_gradient_is_zero_makes_a_step_of_the_same_length():
    # The loss is 2 and flat: eta = (2 - 0.1 * 2) / 10.
    model, weight = stepped(BPGrad(10.0, momentum=0.0, zero_gradient="random"), [0.0])
    assert abs(weight - 3.0) == pytest.approx(0.18)
    measured = model.optimizer.measured()
    assert (measured["num_skipped"], measured["gradient_norm"]) == (0, 0)
    assert measured["step_size"] == pytest.approx(0.18)


def test_random_directions_differ_from_step_to_step_and_not_from_run_to_run():
    def path(steps):
        return stepped(BPGrad(10.0, momentum=0.0, zero_gradient="random"), [0.0] * steps)[1]

    ends = [3.0, *(path(steps) for steps in range(1, 7))]
    assert {np.sign(b - a) for a, b in zip(ends, ends[1:], strict=False)} == {-1, 1}
    assert path(6) == ends[6]


def test_random_direction_is_not_taken_where_there_is_a_gradient():
    ends = [stepped(BPGrad(10.0, zero_gradient=choice), [1.0, 0.5])[1] for choice in ("random", "skip")]
    assert ends[0] == ends[1]
