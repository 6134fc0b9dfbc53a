import pytest

from tfapp.data import Noise, parse_noises
from tfapp.data.noise import KINDS
from tfapp.segmentation.page.sentences import amounts_in_words, in_words, training_noise_in_words


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
    ],
)
def test_noise_of_the_training_in_words(config, words):
    assert training_noise_in_words(type("Run", (), {"config": config})) == words
