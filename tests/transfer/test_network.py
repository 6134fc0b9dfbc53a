import keras
import numpy as np
import pytest

from tfapp.errors import InputError
from tfapp.runs.callbacks import TrainingDiverged
from tfapp.runs.checkpoints import read_history
from tfapp.transfer import network as module
from tfapp.transfer.config import NetworkConfig
from tfapp.transfer.network import batch_of, build_network, k_means_centroids, train_network
from tfapp.transfer.targets import targets_of

CONFIG = {
    **{"hidden": 16, "clusters": 3, "batch_size": 20, "iterations": 40, "decay_every": 30},
    **{"pseudo": "own", "solver": "sgd-momentum"},
}


def clouds(count=60, seed=0):
    rng = np.random.default_rng(seed)
    labels = np.arange(count) % 3
    return (np.eye(3, 5)[labels] + rng.normal(0, 0.1, (count, 5))).astype(np.float32), labels.astype(np.int32)


def config(**changes):
    return NetworkConfig(**{**CONFIG, **changes})


@pytest.fixture(autouse=True, scope="module")
def short_window():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "WINDOW", 10)
        yield


@pytest.fixture(scope="module")
def whole(tmp_path_factory, short_window):
    """Folder and network of an unbroken training."""
    folder = tmp_path_factory.mktemp("transfer") / "whole"
    return folder, train_network(folder, *clouds(), config())


@pytest.mark.slow
@pytest.mark.parametrize("solver, value", [("sgd-momentum", 0.1), ("bpgrad", 5.0), ("adam", 0.01)])
def test_network_learns_the_pseudo_labels(tmp_path, solver, value):
    features, labels = clouds()
    network = train_network(tmp_path, features, labels, config(solver=solver, value=value))
    assert np.mean(network(features).numpy().argmax(1) == labels) > 0.95


@pytest.mark.slow
@pytest.mark.parametrize("pseudo", ["soft", "features"])
def test_network_comes_nearer_to_targets_that_are_no_labels(tmp_path, pseudo):
    features, _ = clouds()
    settings = config(pseudo=pseudo, solver="adam", value=0.01, iterations=200, decay_every=0)
    targets = targets_of(features, features, np.eye(3, 5, dtype=np.float32), settings)
    losses, plain = [], build_network(5, settings)
    for network in (plain, train_network(tmp_path, features, targets, settings)):
        given = network(features).numpy()
        if pseudo == "soft":
            given = np.exp(given) / np.exp(given).sum(1, keepdims=True)
        losses.append(np.mean((given - targets) ** 2))
    assert losses[1] < 0.1 * losses[0]
    assert ("accuracy" in read_history(tmp_path)[-1]) == (pseudo == "soft")


@pytest.mark.slow
def test_killed_training_ends_with_the_weights_of_an_unbroken_one(whole, tmp_path):
    features, labels = clouds()

    def kill(done, total, note):
        if done == 20:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train_network(tmp_path / "killed", features, labels, config(), kill)
    assert read_history(tmp_path / "killed")[-1]["iteration"] == 20
    again = train_network(tmp_path / "killed", features, labels, config())
    for one, other in zip(whole[1].get_weights(), again.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-7)


def test_saved_network_is_the_trained_one_without_its_solver(whole):
    folder, network = whole
    features, _ = clouds()
    stored = keras.models.load_model(folder / "transfer.keras")
    np.testing.assert_array_equal(stored(features), network(features))
    assert not stored.compiled


def test_every_pass_takes_other_images_first_and_none_twice():
    passes = [[batch_of(3 * number + place, 60, config()) for place in range(3)] for number in range(2)]
    assert all(sorted(np.concatenate(one)) == list(range(60)) for one in passes)
    assert passes[0][0].tolist() != passes[1][0].tolist()


def test_batch_is_no_larger_than_the_images():
    assert len(batch_of(0, 7, config())) == 7


def test_learning_rate_falls_by_ten_every_so_many_iterations():
    rate = module._solver(config(value=0.5, decay_every=100))._learning_rate
    assert [float(rate(step)) for step in (0, 99, 100, 250)] == pytest.approx([0.5, 0.5, 0.05, 0.005])


def test_same_seed_builds_the_same_network():
    first, again, other = (build_network(5, config(seed=seed)).get_weights()[0] for seed in (1, 1, 2))
    assert np.array_equal(first, again) and not np.array_equal(first, other)


def test_loss_that_becomes_infinite_says_what_to_do(tmp_path):
    features, labels = clouds()
    with pytest.raises(TrainingDiverged, match="The loss became .* a smaller `value` than 1e\\+30"):
        train_network(tmp_path, 1e6 * features, labels, config(value=1e30))


@pytest.mark.parametrize(
    "change, sentence",
    [
        ({"clusters": 1}, "`clusters` must be at least 2; got 1"),
        ({"hidden": 0}, "`hidden` must be at least 1; got 0"),
        ({"iterations": 0}, "`iterations` must be at least 1"),
        ({"decay_every": -1}, "`decay_every` must not be negative"),
        ({"pseudo": "both"}, "Unknown `pseudo` 'both'; choose one of: own, nearest"),
        ({"temperature": 0.0}, "`temperature` must be a number above 0; got 0.0"),
        ({"solver": "sgdm"}, "Unknown solver 'sgdm'; choose one of: bpgrad"),
        ({"value": 0.0}, "`value` must be a number above 0"),
    ],
)
def test_setting_out_of_range_gets_one_sentence(change, sentence):
    with pytest.raises(InputError) as error:
        config(**change).check()
    assert sentence in str(error.value)


CENTRES = np.array([[0.0, 0.0], [10.0, 0.0], [0.0, 10.0]], np.float32)


def test_centroids_are_the_means_of_clouds_that_lie_apart():
    rng = np.random.default_rng(0)
    features = np.repeat(CENTRES, 20, 0) + rng.normal(0, 0.1, (60, 2)).astype(np.float32)
    found = k_means_centroids(features, 3)
    expected = features.reshape(3, 20, 2).mean(1)
    order = np.lexsort(found.round().T)
    np.testing.assert_allclose(found[order], expected[np.lexsort(expected.round().T)], atol=1e-5)


def test_more_clusters_than_different_images_are_refused():
    features = np.repeat(CENTRES, 4, 0)
    with pytest.raises(InputError, match="`clusters` 4 is more than the 3 images whose features differ"):
        k_means_centroids(features, 4)


def test_fewer_clusters_than_asked_for_are_told_with_their_number():
    rng = np.random.default_rng(0)
    # Two images, and copies of them that differ in the last digit.
    features = np.repeat(rng.normal(size=(2, 8)), 20, 0) * (1 + rng.normal(0, 1e-7, (40, 8)))
    with pytest.warns(
        UserWarning, match=r"K-means found ([23]) of 4 clusters, .* Give `clusters` \1 or fewer"
    ) as told:
        assert k_means_centroids(features.astype(np.float32), 4).shape == (4, 8)
    assert len(told) == 1


def test_same_seed_gives_the_same_centroids():
    features = np.random.default_rng(1).normal(size=(40, 3)).astype(np.float32)
    np.testing.assert_array_equal(
        k_means_centroids(features, 5, seed=3), k_means_centroids(features, 5, seed=3)
    )


def test_network_in_half_precision_gives_float32_that_is_about_the_same():
    features, labels = clouds()
    whole, half = (build_network(5, config(precision=name)) for name in ("float32", "mixed_bfloat16"))
    half.set_weights(whole.get_weights())
    assert half.get_layer("feature_transfer").first.compute_dtype == "bfloat16"
    assert half.output.dtype == "float32" and {one.dtype for one in half.weights} == {"float32"}
    largest = np.abs(whole(features)).max()
    np.testing.assert_allclose(half(features), whole(features), atol=0.02 * largest)
    losses = [
        model.train_on_batch(features, labels, return_dict=True)["loss"]
        for model in (module._compiled(one, config()) for one in (whole, half))
    ]
    assert losses[1] == pytest.approx(losses[0], rel=0.02)


def test_network_of_float32_and_its_settings_are_stored_as_before_there_was_a_choice():
    assert [layer.name for layer in build_network(5, config()).layers] == ["features", "feature_transfer"]
    assert "precision" not in config().to_json()
    assert config(precision="mixed_bfloat16").to_json()["precision"] == "mixed_bfloat16"


def test_unknown_precision_is_refused():
    with pytest.raises(InputError, match="Unknown `precision` 'half'; choose one of: float32, mixed_bf"):
        config(precision="half").check()
