import shutil

import keras
import numpy as np
import pytest

from tfapp.errors import InputError
from tfapp.solvers.trainings.comparison import train_all
from tfapp.solvers.trainings.training import Job, train
from tfapp.solvers.trainings.workload import Workload

WORKLOAD = Workload("digits:120", "two-layer", batch_size=20)


def job(solver="bpgrad", value=20.0, epochs=2, workload=WORKLOAD, seed=0):
    return Job(workload, solver, value, seed, epochs)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Folder and result of a training of two epochs."""
    folder = tmp_path_factory.mktemp("solvers") / "training"
    return folder, train(job(), folder)


def test_every_seed_has_its_own_initial_weights_and_all_solvers_share_them():
    first, again, other = (WORKLOAD.build(seed).get_weights() for seed in (0, 0, 1))
    np.testing.assert_array_equal(first[0], again[0])
    assert np.abs(first[0] - other[0]).max() > 0


def test_validation_images_are_none_of_the_trained_ones():
    train_part, validation = WORKLOAD.for_choosing().splits()
    whole, _ = WORKLOAD.splits()
    assert len(train_part) + len(validation) == len(whole) and len(validation) == len(whole) // 10
    np.testing.assert_array_equal(np.concatenate([train_part.images, validation.images]), whole.images)


def test_objective_holds_the_weight_decay():
    model = WORKLOAD.build(0)
    squares = sum(np.sum(weights**2) for weights in model.get_weights())
    assert float(sum(model.losses)) == pytest.approx(0.0005 / 2 * squares, rel=1e-5)


def test_batch_normalisation_is_told_where_it_was_chosen_and_not_by_folders_of_before():
    assert "batch_norm" not in WORKLOAD.to_json()
    assert Workload("digits:120", "lenet-5", batch_norm=False).to_json()["batch_norm"] is False
    model = Workload("digits:120", "lenet-5", batch_norm=True).build(0)
    assert any(isinstance(layer, keras.layers.BatchNormalization) for layer in model.layers)


@pytest.mark.slow
def test_interrupted_training_goes_on_as_if_it_had_not_been(trained, tmp_path):
    def interrupt(epoch):
        if epoch == 1:
            raise KeyboardInterrupt

    folder, unbroken = trained
    with pytest.raises(KeyboardInterrupt):
        train(job(), tmp_path / "broken", interrupt)
    assert train(job(), tmp_path / "broken") == unbroken
    pairs = [keras.models.load_model(path / "last.keras") for path in (tmp_path / "broken", folder)]
    for a, b in zip(*(model.get_weights() for model in pairs), strict=True):
        np.testing.assert_array_equal(a, b)


def test_finished_training_is_not_done_again(trained, tmp_path):
    folder = shutil.copytree(trained[0], tmp_path / "training")
    (folder / "last.keras").unlink()
    assert train(job(), folder) == trained[1] and not (folder / "last.keras").exists()


def test_folder_of_another_training_is_refused(trained):
    with pytest.raises(InputError, match="holds a training with other settings"):
        train(job(value=30.0), trained[0])


@pytest.mark.slow
def test_training_lowers_objective_and_error(tmp_path):
    history = train(job(value=5.0, epochs=4), tmp_path)["history"]
    assert history["train_objective"][-1] < history["train_objective"][0]
    assert history["train_error"][-1] < history["train_error"][0]


def test_diverged_training_is_told_and_not_reported_as_a_number(tmp_path):
    result = train(job("sgd", 1e30, epochs=1), tmp_path)
    assert result["diverged"] and "test_error" not in result


def test_more_training_images_than_there_are_is_refused():
    with pytest.raises(InputError, match="training images; got `train_images` 5000"):
        Workload("digits:120", "two-layer", train_images=5000).splits()


@pytest.mark.slow
def test_workers_of_a_cluster_train_what_one_process_trains(tmp_path):
    jobs = [job("adam", 0.001, epochs=1), job("sgd", 0.01, epochs=1)]
    serial = train_all(jobs, tmp_path / "serial")
    notes = []
    parallel = train_all(jobs, tmp_path / "parallel", "local", lambda *note: notes.append(note))
    for a, b in zip(serial, parallel, strict=True):
        assert a["solver"] == b["solver"]
        assert a["train_objective"] == pytest.approx(b["train_objective"], rel=1e-3)
    assert sorted(notes) == [(0, 1), (1, 1)]


@pytest.mark.slow
def test_no_scheduler_at_the_address_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr("tfapp.workers.SECONDS_TO_CONNECT", 1)
    with pytest.raises(InputError, match="Expected a Dask scheduler with workers at tcp://localhost:1,"):
        train_all([job()], tmp_path, "tcp://localhost:1")


@pytest.mark.slow
def test_a_finished_training_without_a_number_for_its_parameter_is_taken_as_it_is(tmp_path):
    auto = job("bpgrad-auto", "auto", epochs=1)
    first = train(auto, tmp_path / "auto")
    assert train(auto, tmp_path / "auto") == first
    assert first["value"] == "auto"
