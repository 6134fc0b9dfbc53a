import keras
import numpy as np
import pytest

from tfapp.data import parse_noises
from tfapp.errors import InputError
from tfapp.models import OneHotMeanSquaredError
from tfapp.optimizers import ALIG, BPGrad, Eve
from tfapp.runs.checkpoints import read_history
from tfapp.segmentation.compiling import make_optimizer
from tfapp.segmentation.config import TrainConfig
from tfapp.segmentation.evaluation import EvaluationData, Segmenter, evaluate, store_metrics
from tfapp.segmentation.run import Run
from tfapp.segmentation.training import train

SPEC = "cells:20:32"
CLEAN = parse_noises(["gaussian=0"])
HEADS = ("softmax", "tv-softmax", "sigmoid", "identity")


@pytest.fixture(scope="session")
def regressed(train_once):
    """One tiny run by mean squared error for each head, by head name."""
    return {head: train_once(f"cells-mse-{head}", head=head, loss="mse", epochs=2) for head in HEADS}


def losses(run):
    return [[row["loss"], row["val_loss"]] for row in read_history(run.path)]


@pytest.mark.parametrize("head", HEADS)
def test_model_is_compiled_with_the_regression(regressed, head):
    model = regressed[head].load_model()
    assert isinstance(model.loss, OneHotMeanSquaredError)
    assert model.loss.reduction == "mean_with_sample_weight"


@pytest.mark.slow
def test_loss_falls(tmp_path, tiny):
    run = train(SPEC, tmp_path / "run", tiny(head="identity", loss="mse", epochs=6, learning_rate=1e-2))
    assert losses(run)[-1][0] < 0.7 * losses(run)[0][0]


@pytest.mark.parametrize("head", HEADS)
def test_loss_of_the_evaluation_equals_keras_evaluate(regressed, head):
    run = regressed[head]
    images, labels, weights = run.frames("test").arrays(range(6))
    expected = run.load_model().evaluate(images, labels, sample_weight=weights, batch_size=6, verbose=0)[0]
    evaluation = evaluate(Segmenter(run), EvaluationData(run), CLEAN)
    assert evaluation.loss == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("head", ["sigmoid", "identity"])
def test_labels_are_the_largest_outputs(regressed, head):
    run = regressed[head]
    images = np.stack([item.read_image() for item in run.items("test")])
    expected = np.argmax(run.load_model()(images), -1)
    np.testing.assert_array_equal(Segmenter(run).label_maps(images, [(32, 32)] * len(images)), expected)


@pytest.mark.parametrize("head", ["sigmoid", "identity"])
def test_segmenter_gives_probabilities(regressed, head):
    image = regressed[head].items("test")[0].read_image()[None]
    probabilities = regressed[head].segmenter()(image).numpy()
    assert probabilities.min() >= 0
    np.testing.assert_allclose(probabilities.sum(-1), 1, atol=1e-5)


@pytest.mark.slow
def test_extended_run_equals_an_unbroken_one(tmp_path, regressed, tiny):
    options = {"head": "identity", "loss": "mse"}
    train(SPEC, tmp_path / "run", tiny(epochs=1, **options))
    resumed = train(SPEC, tmp_path / "run", tiny(epochs=2, **options))
    np.testing.assert_allclose(losses(resumed), losses(regressed["identity"]), rtol=1e-4)


@pytest.mark.slow
def test_run_of_a_regression_is_exported(tmp_path, regressed):
    from tfapp.export import export

    folder = export(regressed["identity"].segmenter(), tmp_path / "served", class_names=("a", "b", "c"))
    assert (folder / "saved_model.pb").is_file()


@pytest.mark.parametrize("options", [{"post_tv": 1.0}, {"gap": True}])
def test_total_variation_behind_a_regression_head_is_refused(regressed, options):
    with pytest.raises(InputError, match="need logits, or a TV head; .* was trained with `head` identity"):
        regressed["identity"].network(**options)


def test_total_variation_behind_a_regressed_softmax_works(regressed):
    row = evaluate(Segmenter(regressed["softmax"], 1.0), EvaluationData(regressed["softmax"]), CLEAN).clean
    assert 0 <= row.accuracy <= 1


def test_metrics_of_a_regression_are_stored(tmp_path, regressed):
    run = Run.open(regressed["sigmoid"].path)
    evaluation = evaluate(Segmenter(run), EvaluationData(run), CLEAN)
    store_metrics(run, evaluation)
    assert run.metrics()["Unet"]["loss"] == evaluation.loss
    assert run.metrics()["Unet"]["membrane_scores"] is None


@pytest.mark.slow
def test_momentum_reaches_the_optimizer(tmp_path, tiny):
    run = train(SPEC, tmp_path / "run", tiny(epochs=1, optimizer="sgd", momentum=0.8, head="softmax"))
    optimizer = run.load_model().optimizer
    assert isinstance(optimizer, keras.optimizers.SGD) and optimizer.momentum == 0.8
    assert any(np.any(slot) for slot in optimizer.variables if "momentum" in slot.path)


@pytest.mark.parametrize(
    ("options", "kind", "rate"),
    [
        ({"optimizer": "bpgrad"}, BPGrad, 1.0),
        ({"optimizer": "bpgrad", "lipschitz": "auto-median"}, BPGrad, 1.0),
        ({"optimizer": "bpgrad", "lipschitz": "20", "momentum": 0.5}, BPGrad, 1.0),
        ({"optimizer": "alig"}, ALIG, 0.1),
        ({"optimizer": "eve", "learning_rate": 0.01}, Eve, 0.01),
    ],
)
def test_solvers_that_see_the_loss_are_made_with_their_own_defaults(options, kind, rate):
    config = TrainConfig(**options).completed()
    optimizer = make_optimizer(config)
    assert type(optimizer) is kind and config.learning_rate == rate
    if kind is BPGrad:
        asked = options.get("lipschitz", "auto")
        assert optimizer.lipschitz == (asked if asked.startswith("auto") else float(asked))
        assert optimizer.momentum == options.get("momentum", 0.9)


@pytest.mark.slow
def test_run_trained_by_bpgrad_with_weight_decay_goes_on(tmp_path, tiny):
    options = {"optimizer": "bpgrad", "lipschitz": "50", "weight_decay": 0.01, "head": "softmax"}
    train(SPEC, tmp_path / "run", tiny(epochs=1, **options))
    model = train(SPEC, tmp_path / "run", tiny(epochs=2, **options)).load_model()
    kernels = [layer.kernel for layer in model.layers if hasattr(layer, "kernel")]
    expected = 0.005 * sum(np.sum(kernel.numpy() ** 2) for kernel in kernels)
    assert float(sum(model.losses)) == pytest.approx(expected, rel=1e-4)
    assert model.optimizer.measured()["best_loss"] < 10


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"loss": "hinge"}, "Unknown loss 'hinge'; choose one of: cross-entropy, mse"),
        (
            {"head": "sigmoid"},
            "`head` sigmoid gives no probabilities for `loss` cross-entropy; use `loss` mse",
        ),
        ({"head": "identity"}, "`head` identity gives no probabilities"),
        ({"optimizer": "sgd", "momentum": 1.0}, "`momentum` must be from 0 to below 1; got 1.0"),
        (
            {"lipschitz": "0", "optimizer": "bpgrad"},
            "`lipschitz` must be auto, auto-median or a number above 0; got 0",
        ),
        ({"lipschitz": "20"}, "`lipschitz` is for `optimizer` bpgrad; got `optimizer` adam"),
        ({"weight_decay": -1.0}, "`weight_decay` must be at least 0; got -1.0"),
        ({"momentum": 0.8}, "`momentum` is for `optimizer` sgd, bpgrad or alig; got `optimizer` adam"),
    ],
)
def test_bad_combinations_are_refused_and_nothing_is_written(tmp_path, tiny, options, message):
    with pytest.raises(InputError, match=message):
        train(SPEC, tmp_path / "run", tiny(**options))
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
def test_run_older_than_the_loss_has_cross_entropy(trained, copy_of, tiny):
    def age(record):
        for option in ("loss", "momentum"):
            del record["config"][option]

    run = copy_of(trained["softmax"], edit=age)
    assert run.loss == "cross-entropy"
    with pytest.raises(InputError, match=r"another loss \(cross-entropy, not mse\)"):
        train(SPEC, run.path, tiny(head="softmax", loss="mse"))
