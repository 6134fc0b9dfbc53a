"""What the studies of Lu and Tong are made of, against the text, whose lines are quoted."""

import inspect

import numpy as np
import pytest

from tfapp.data import Frames, choose_framing, open_dataset, split_items
from tfapp.errors import InputError
from tfapp.landscape import make_directions
from tfapp.models import build
from tfapp.reproduce.landscape.options import check_measuring, config_of, data_of, options_of
from tfapp.reproduce.landscape.protocol import (
    EQUAL,
    EQUAL_BY_NETWORK,
    PRINTED_LOSS,
    SCORED,
    epoch_frames,
    paper_settings,
)
from tfapp.reproduce.landscape.published import published_losses, published_table
from tfapp.reproduce.landscape.tables import NUMBERED, TABLES
from tfapp.reproduce.landscape.trainings import common_loss, first_epoch, for_network
from tfapp.reproduce.registry import STUDIES
from tfapp.segmentation.architecture import architecture_of
from tfapp.segmentation.config import TrainConfig

READERS = ("isbi2012", "drive", "raindrop")


def default(name, option):
    return next(one.default for one in options_of(TABLES[name]) if one.name == option)


def test_every_table_and_figure_that_is_no_drawing_has_a_command():
    """Figures 1 and 4 are drawings."""
    numbers = {f"landscape-table-{n}" for n in range(1, 7)} | {
        f"landscape-figure-{n}" for n in (2, 3, 5, 6, 7, 8)
    }
    assert {name for name in STUDIES if name.startswith(("landscape-table", "landscape-figure"))} == numbers


@pytest.mark.parametrize(
    ("name", "reader", "networks", "batches", "measure"),
    [
        ("landscape-table-1", "isbi2012", "fcn-16s unet res-unet", (16,), "scores"),
        ("landscape-table-2", "drive", "fcn-16s unet res-unet", (16,), "scores"),
        ("landscape-table-3", "raindrop", "fcn-16s unet res-unet", (16,), "scores"),
        ("landscape-table-4", "isbi2012", "fcn-16s unet res-unet", (16,), "sharpness"),
        ("landscape-table-5", "isbi2012", "fcn-16s fcn-8s fcn-4s", (16,), "sharpness"),
        ("landscape-table-6", "isbi2012", "fcn-16s unet res-unet", (2, 16), "sharpness"),
        ("landscape-figure-3", "isbi2012", "fcn-16s unet res-unet", (16,), "curves"),
        ("landscape-figure-5", "isbi2012", "fcn-16s unet res-unet", (16,), "surfaces"),
        ("landscape-figure-6", "isbi2012", "fcn-16s fcn-8s fcn-4s", (16,), "surfaces"),
        ("landscape-figure-7", "isbi2012", "fcn-16s unet res-unet", (2, 16), "curves"),
        ("landscape-figure-8", "isbi2012", "fcn-16s unet res-unet", (2, 16), "surfaces"),
    ],
)
def test_contents_are_those_of_the_paper(name, reader, networks, batches, measure):
    table = TABLES[name]
    assert (table.reader, table.batch_sizes, table.measure) == (reader, batches, measure)
    assert table.networks == tuple(networks.split())


def test_no_surface_of_the_paper_is_of_other_data_than_em():
    """ "We implement the visualization of optimization landscapes on EM segmentation dataset"."""
    assert {table.reader for table in NUMBERED if table.measure in ("surfaces", "sharpness")} == {"isbi2012"}


def test_figure_6_draws_fcn_8s_and_fcn_4s():
    assert TABLES["landscape-figure-6"].drawn == ("fcn-8s", "fcn-4s")


@pytest.mark.parametrize(("number", "eps"), [(4, (0.1, 0.2)), (5, (0.1, 0.2)), (6, (0.01, 0.02))])
def test_sizes_of_the_box_are_those_of_the_columns(number, eps):
    assert default(f"landscape-table-{number}", "eps") == eps
    columns = {column.partition(",")[0] for column in published_table(number).columns}
    assert columns == {f"ε = {size:g}" for size in eps}


@pytest.mark.parametrize("number", [4, 5, 6])
def test_sharpness_is_of_five_trainings(number):
    """ "We conduct the experiments ... for 5 times"."""
    assert default(f"landscape-table-{number}", "seeds") == (0, 1, 2, 3, 4)


@pytest.mark.parametrize(("number", "r"), [(5, 0.5), (6, 0.5), (8, 0.025)])
def test_surfaces_have_the_window_the_resolution_and_the_directions_of_the_text(number, r):
    """n = 40 and r = 0.5; "smaller region (r = 0.025)"; Algorithm 1 has t = 0, 1, ..., n."""
    name = f"landscape-figure-{number}"
    assert (default(name, "range"), default(name, "resolution"), default(name, "directions")) == (
        r,
        40,
        "lu-tong",
    )


def test_grid_of_algorithm_1_has_the_solution_and_41_points_along_each_axis():
    from tfapp.landscape.grid import Grid

    grid = Grid.empty(default("landscape-figure-5", "resolution") + 1, 0.5)
    np.testing.assert_allclose(grid.alphas, [-0.5 + 2 * 0.5 * t / 40 for t in range(41)], atol=1e-15)
    assert grid.alphas[20] == 0


def test_directions_of_algorithm_1_have_unit_filters_and_are_not_made_orthogonal():
    model = build("unet", 2, 1, base_width=2, depth=1)
    plane = make_directions(model, "lu-tong", seed=0)
    kernel = next(i for i, v in enumerate(model.trainable_variables) if v.path.endswith("down0_conv1/kernel"))
    u, v = plane.u[kernel], plane.v[kernel]
    np.testing.assert_allclose(np.sqrt((u**2).sum((0, 1, 2))), 1, rtol=1e-5)
    assert np.abs((u * v).sum((0, 1, 2))).max() > 1e-3


@pytest.mark.parametrize("reader", READERS)
def test_paper_scale_is_the_schedule_of_the_text(reader):
    """SGD, 0.025, momentum 0.8, batch 16, 60 epochs, "flipped and rotated at every 90 degrees"."""
    config = TrainConfig(**paper_settings(reader, "paper"))
    config.check()
    assert (config.optimizer, config.learning_rate, config.momentum) == ("sgd", 0.025, 0.8)
    assert (config.epochs, config.loss, config.augment) == (60, "mse", "dihedral")
    assert default("landscape-table-4", "scale") in ("small", "paper")


@pytest.mark.parametrize("scale", ["small", "paper"])
@pytest.mark.parametrize("reader", READERS)
def test_split_is_7_to_3_of_all_images_for_training_and_testing_alone(reader, scale):
    """ "we split each dataset as training and testing set according to 7:3"."""
    config = TrainConfig(**paper_settings(reader, scale))
    assert (config.test_share, config.validation_share, config.random_split) == (0.3, 0.0, True)
    assert config.validate_on_test


@pytest.mark.parametrize("scale", ["small", "paper"])
def test_labels_are_learned_as_one_image(scale):
    """Equation 1: the distance of an output of M dimensions from the truth."""
    settings = {reader: paper_settings(reader, scale) for reader in READERS}
    assert [settings[reader]["label_image"] for reader in READERS] == [True, True, False]


def test_smallest_training_loss_is_kept_and_the_weights_of_each_epoch():
    """ "a solution of three models where the training loss value is smallest during the 60 epochs"."""
    settings = paper_settings("isbi2012", "paper")
    assert (settings["keep"], settings["trajectory"]) == ("training-loss", 1)


def test_every_epoch_is_scored_at_paper_scale():
    """ "Table 1 lists the best quantitative results during these 60 epochs"."""
    assert SCORED["paper"] == 1


def frames_of(spec, reader):
    """Training frames of a dataset as the paper's protocol divides and cuts it."""
    config, dataset = TrainConfig(**paper_settings(reader, "paper")), open_dataset(spec)
    framing = choose_framing(dataset, 2**config.depth, config.resize, config.patch, config.overlap)
    shares = config.test_share, config.validation_share
    split = split_items(dataset, config.split_seed, *shares, config.random_split)
    return split, Frames(dataset, dataset.select(split.train), framing)


def test_drive_is_224_whole_images_of_256_pixels(tmp_path):
    """7:3 of 40 images, 28 of them eight times; "reshaping all data at 256 x 256 size"."""
    from tests.reproduce.test_landscape_studies import write_retinas

    split, frames = frames_of(f"drive:{write_retinas(tmp_path / 'drive', (20, 20))}", "drive")
    assert (len(split.train), len(split.test)) == (28, 12)
    assert frames.frame_shape == (256, 256, 3) and epoch_frames("paper", len(frames)) == 224


def test_isbi_is_cut_into_nine_patches_of_256_pixels_a_slice(real_data):
    """ "cropped as several 256 x 256 patches with a 128-pixel overlap": 3 x 3 of 512 x 512."""
    split, frames = frames_of(f"isbi2012:{real_data('isbi2012')}", "isbi2012")
    assert (len(split.train), len(split.test)) == (21, 9)
    assert frames.frame_shape == (256, 256, 1) and len(frames) == 21 * 9


def test_raindrop_pairs_are_all_of_them_unless_the_official_split_is_asked_for(make_pairs):
    root = make_pairs((("train", 12), ("test_a", 2), ("test_b", 6)), ("data", "gt"))
    table = TABLES["landscape-table-3"]
    split, frames = frames_of(data_of(table, str(root)), "raindrop")
    assert (len(split.train), len(split.test)) == (14, 6)
    assert frames.frame_shape == (480, 480, 3)
    assert data_of(table, str(root), official_split=True) == f"raindrop:{root}"


def test_equal_losses_are_of_all_networks_or_of_a_network():
    """ "same training loss (0.03 for FCN-16s and U-Net)"; "The same model is plotted at the same training loss"."""
    chosen = {
        name: TABLES[f"landscape-{name}"].chosen for name in ("table-4", "table-5", "figure-5", "figure-6")
    }
    assert set(chosen.values()) == {EQUAL} and PRINTED_LOSS == 0.03 == published_losses()[0]
    assert {TABLES[f"landscape-{name}"].chosen for name in ("table-6", "figure-8")} == {EQUAL_BY_NETWORK}


def test_epoch_of_a_loss_is_the_first_that_reaches_it_or_that_of_the_smallest():
    history = [{"epoch": n, "loss": loss} for n, loss in enumerate((0.9, 0.4, 0.5, 0.3), 1)]
    assert [first_epoch(history, loss) for loss in (0.9, 0.4, 0.35, 0.1)] == [1, 2, 4, 4]


def test_common_loss_is_the_smallest_that_all_reach():
    histories = [[{"loss": 0.9}, {"loss": 0.2}, {"loss": 0.3}], [{"loss": 0.8}, {"loss": 0.5}]]
    assert common_loss(histories) == 0.5 and common_loss(histories, 0.03) == 0.03


@pytest.mark.parametrize(
    ("number", "rows"),
    [
        (1, {"fcn-16s": [0.5697, 0.5786], "unet": [0.9714, 0.9743], "res-unet": [0.9296, 0.9407]}),
        (2, {"fcn-16s": [0.6594, 0.6667], "unet": [0.7832, 0.7974], "res-unet": [0.7696, 0.7894]}),
        (3, {"fcn-16s": [17.043, 0.820], "unet": [27.049, 0.982], "res-unet": [26.328, 0.978]}),
        (4, {"fcn-16s": [2.1822, 7.3241], "unet": [1.4608, 4.7711], "res-unet": [1.5519, 5.0324]}),
        (5, {"fcn-16s": [2.1822, 7.3241], "fcn-8s": [1.7724, 6.1531], "fcn-4s": [1.4904, 4.8242]}),
        (
            6,
            {
                "fcn-16s": [0.0252, 0.0418, 0.1193, 0.1964],
                "unet": [0.0175, 0.0288, 0.0971, 0.1344],
                "res-unet": [0.0187, 0.0315, 0.1072, 0.1699],
            },
        ),
    ],
)
def test_printed_numbers_are_those_of_the_text(number, rows):
    assert published_table(number).rows == rows


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"directions": "hessian"},
            "`directions` must be lu-tong, unit-filter, filter or layer; got 'hessian'",
        ),
        ({"range": 0.0}, "`range` must be a finite number above 0; got 0.0"),
        ({"until_loss": float("nan")}, "`until_loss` must be a finite number above 0; got nan"),
        ({"resolution": 5000}, "`resolution` must be at most 1000; got 5000"),
    ],
)
def test_options_out_of_range_are_refused(options, message):
    with pytest.raises(InputError, match=message):
        check_measuring(options)


def test_studies_of_the_paper_have_the_options_of_its_protocol():
    for table in NUMBERED:
        names = set(inspect.signature(STUDIES[table.name].make).parameters)
        assert {"head", "test_share", "official_split"} <= names
        assert ("eps" in names) == (table.measure == "sharpness")
        assert {"range", "directions"} <= names or table.measure != "surfaces"
        assert ("until_loss" in names) == (table.measure in ("sharpness", "surfaces"))


def test_architecture_options_reach_the_networks_that_take_them():
    """ "a various number of residual modules"; FCN-16s "even the same number of parameters as U-Net"."""
    config = TrainConfig(modules="0,1,2,3", equal_parameters=True)
    given = {
        network: architecture_of(for_network(config, network)) for network in ("unet", "res-unet", "fcn-16s")
    }
    assert given == {"unet": {}, "res-unet": {"modules": [0, 1, 2, 3]}, "fcn-16s": {"equal_parameters": True}}


def test_options_of_the_proposed_network_are_refused_where_it_is_not_compared():
    options = {"scale": "small", "modules": "0,1,2,3"}
    with pytest.raises(
        InputError, match="`modules` is of the proposed network, .* landscape-table-5 does not have"
    ):
        config_of(TABLES["landscape-table-5"], "isbi2012:nowhere", options)


def test_orders_are_asked_of_any_images_with_masks_cut_as_slices_are():
    table = TABLES["landscape-orders"]
    spec = data_of(table, "cells:10:300")
    config, frames = config_of(table, spec, {"scale": "small"})
    assert (spec, config.patch, config.overlap, config.resize) == ("cells:10:300", 128, 64, None)
    assert frames == 7 * 16


@pytest.mark.parametrize(
    ("name", "data"), [("landscape-table-4", "cells"), ("landscape-orders", "raindrop:x")]
)
def test_data_of_another_kind_are_refused(name, data):
    with pytest.raises(InputError, match="is made of other data"):
        data_of(TABLES[name], data)
