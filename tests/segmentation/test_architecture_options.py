"""Options of the architecture that only some models take."""

import pytest

from tfapp.errors import InputError
from tfapp.segmentation.architecture import architecture_of
from tfapp.segmentation.config import TrainConfig

RES = {"model": "res-unet", "head": "softmax"}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"modules": "1,1,1,1"}, "`modules` is for `model` res-unet; got `model` unet"),
        (
            {"equal_parameters": True},
            "`equal_parameters` is for `model` fcn-4s, fcn-8s or fcn-16s; got `model` unet",
        ),
        (RES | {"modules": "1,2"}, "`modules` must be 4 whole numbers from 0 to 4096 .* got '1,2'"),
        (
            RES | {"widths": "8,16,x,64,64"},
            "`widths` must be 5 whole numbers from 1 to 4096 .* got '8,16,x,64,64'",
        ),
        (RES | {"widths": "0,16,32,64,64"}, "`widths` must be 5 whole numbers from 1 to 4096"),
    ],
)
def test_options_that_do_not_fit_are_refused(options, message):
    with pytest.raises(InputError, match=message):
        TrainConfig(**options).check()


def test_lists_are_given_to_the_model_as_numbers():
    config = TrainConfig(**RES, modules="0,1,2,3", widths="4,8, 16,32,32")
    config.check()
    assert architecture_of(config) == {"modules": [0, 1, 2, 3], "widths": [4, 8, 16, 32, 32]}


def test_options_stand_in_the_command_of_a_run():
    line = TrainConfig(**RES, modules="0,1,2,3").command("cells", "run")
    assert "--modules 0,1,2,3" in line
