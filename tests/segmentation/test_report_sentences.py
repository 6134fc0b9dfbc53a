from dataclasses import replace

import numpy as np
import pytest

from tfapp.data import Noise, parse_noises
from tfapp.data.noise import KINDS
from tfapp.segmentation.comparison import Comparison
from tfapp.segmentation.evaluation import Evaluation, Row
from tfapp.segmentation.page.sentences import (
    amounts_in_words,
    in_words,
    key_results,
    training_noise_in_words,
)


@pytest.mark.parametrize(
    ("noise", "words"),
    [
        (Noise("gaussian", 0.07), "Gaussian noise of σ = 0.07"),
        (Noise("salt-and-pepper", 0.01), "salt and pepper on 1 % of the pixels"),
        (Noise("blur", 2.0), "a blur of σ = 2 pixels"),
        (Noise("jpeg", 15.0), "JPEG compression of quality 15"),
        (Noise("brightness", -0.3), "a brightness changed by -0.3"),
    ],
)
def test_corruption_in_words(noise, words):
    assert in_words(noise) == words


@pytest.mark.parametrize("noise", parse_noises(["robustness"])[1:], ids=lambda noise: noise.label)
def test_every_corruption_has_words(noise):
    assert in_words(noise)


def test_amounts_of_every_kind_are_explained_in_their_own_unit():
    text = amounts_in_words(KINDS)
    assert "gaussian: standard deviation σ, in units of the image's range" in text
    assert "salt, pepper and salt-and-pepper: share of the pixels" in text
    assert "blur: standard deviation in pixels" in text and "jpeg: quality" in text


def test_amounts_of_other_kinds_are_not_explained():
    assert amounts_in_words(["blur", "blur"]) == "Amounts: blur: standard deviation in pixels."


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({}, None),
        ({"train_noise": None, "noisy_share": 1 / 3}, None),
        (
            {"train_noise": "gaussian=0.05", "noisy_share": 1 / 3},
            "a random third of the training images had Gaussian noise of σ = 0.05",
        ),
        (
            {"train_noise": "salt-and-pepper=0.01", "noisy_share": 0.5},
            "a random 50 % of the training images had salt and pepper on 1 % of the pixels",
        ),
        (
            {"train_noise": "gaussian=0.03|salt-and-pepper=0.01", "noisy_share": 90 / 367},
            "a random 24.5 % of the training images had Gaussian noise of σ = 0.03 or salt and pepper on 1 % of the "
            "pixels, one of them at random each",
        ),
    ],
)
def test_noise_of_the_training_in_words(config, words):
    assert training_noise_in_words(type("Run", (), {"config": config})) == words


def evaluation(title, clean, noisy, noises=("clean", "gaussian 0.09"), **on):
    """An evaluation with mIoU given in percent."""
    amounts = (0.0, 0.09)
    rows = [
        Row(noise, "gaussian", amount, 0.9, value / 100, (0.5, np.nan), 1.0)
        for noise, amount, value in zip(noises, amounts, (clean, noisy), strict=True)
    ]
    return replace(Evaluation(title, "run", 0.5, 4, ("a", "b"), 0, tuple(rows)), **on)


def test_result_ranks_by_the_strongest_noise_whoever_wins():
    first, clean, _ = key_results(Comparison([evaluation("RUnet", 90, 70), evaluation("Unet", 88, 80)]))
    assert first == "Under Gaussian noise of σ = 0.09, Unet keeps 80.0 % mIoU and RUnet 70.0 %."
    assert clean == "On clean images RUnet reaches 90.0 % mIoU and Unet 88.0 %."


def test_result_of_single_trainings_is_doubted():
    doubt = key_results(Comparison([evaluation("RUnet", 90, 80), evaluation("Unet", 90, 70)]))[2]
    assert "single training" in doubt


def test_result_of_runs_on_different_images_says_that_they_do_not_compare():
    both = [evaluation("RUnet", 90, 80, names=("a", "b")), evaluation("Unet", 90, 70, names=("b", "c"))]
    assert "tested on different images" in key_results(Comparison(both))[2]


def test_result_within_the_spread_of_seeds_is_doubted():
    close = [evaluation("RUnet", 90, value) for value in (78, 82)] + [
        evaluation("Unet", 90, v) for v in (77, 81)
    ]
    assert "less than the spread" in key_results(Comparison(close))[2]


def test_clear_result_over_seeds_is_not_doubted():
    clear = [evaluation("RUnet", 90, value) for value in (80, 81)] + [
        evaluation("Unet", 90, v) for v in (70, 71)
    ]
    sentences = key_results(Comparison(clear))
    # Standard deviation of two values: their difference over the square root of 2, 0.707.
    assert "RUnet keeps 80.5 ± 0.7 % mIoU and Unet 70.5 ± 0.7 %" in sentences[0] and len(sentences) == 2


@pytest.mark.slow
def test_result_of_one_network_compares_nothing():
    assert len(key_results(Comparison([evaluation("Unet", 90, 80)]))) == 2


def test_classes_and_loss_of_several_seeds_are_means():
    both = [
        replace(evaluation("RUnet", 90, 80), loss=loss, rows=(replace(row, class_iou=(iou, 0.5)),))
        for loss, iou in ((0.2, 0.3), (0.4, 0.7))
        for row in evaluation("RUnet", 90, 80).rows[:1]
    ]
    [sentence] = Comparison(both).remarks()
    assert sentence == "RUnet: IoU on clean images, means over 2 runs: a 50.00, b 50.00; loss 0.3000"
