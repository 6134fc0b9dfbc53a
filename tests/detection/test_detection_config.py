"""What is refused before a detector is trained, and how its data are split."""

import pytest
from PIL import Image
from tiny_detector import tiny_config, write_backbone, write_boxed

from tfapp.data import open_boxes
from tfapp.detection.detector import Rules
from tfapp.detection.training import split_boxed, train
from tfapp.errors import InputError


@pytest.mark.parametrize(
    "options,message",
    [
        ({"pool": "max"}, "Unknown `pool` 'max'"),
        ({"proposals": "edge"}, "Unknown `proposals` 'edge'"),
        ({"proposals": "gone.npz"}, "gone.npz do not exist"),
        ({"augment": "flips"}, "flips is not for boxes|Unknown augment 'flips'"),
        ({"solver": "newton"}, "`solver` newton is not understood"),
        ({"solver": "sgd=0.1@plateau"}, "watches the loss"),
        ({"shorter_side": 16}, "`shorter_side` and `longer_side`"),
        ({"longer_side": 40}, "`shorter_side` and `longer_side`"),
        ({"anchor_sizes": ()}, "`anchor_sizes` must be 1 to 32 numbers"),
        ({"anchor_ratios": (0.0,)}, "`anchor_ratios` must be"),
        ({"foreground": 0.0}, "`foreground` must be above 0"),
        ({"background_overlap": 0.5}, "`background_overlap` must be from 0 to below 0.5"),
        ({"regions": 0}, "`regions` must be from 1"),
        ({"dropout": 1.0}, "`dropout` must be from 0 to below 1"),
    ],
)
def test_option_out_of_range_is_named(options, message):
    with pytest.raises(InputError, match=message):
        tiny_config("vgg16", **options).check()


@pytest.mark.parametrize(
    "options", [{"nms": 0.0}, {"min_score": 1.0}, {"max_boxes": 0}, {"max_proposals": 1001}]
)
def test_rule_out_of_range_is_named(options):
    [name] = options
    with pytest.raises(InputError, match=f"`{name}` must be"):
        Rules(**options).check()


def test_background_of_a_file_begins_at_a_tenth_and_that_of_a_network_at_0():
    assert [tiny_config("vgg16", proposals=name).low for name in ("rpn", "anchors", "selective-search")] == [
        0,
        0,
        0.1,
    ]


def test_bias_learns_twice_as_fast_where_the_solver_can():
    config = tiny_config("vgg16")
    assert config.make_solver(10).rate_factors == {"bias": 2.0}
    assert not hasattr(tiny_config("vgg16", solver="bpgrad=100").make_solver(10), "rate_factors")


def test_solver_that_decays_in_the_gradient_takes_the_decay():
    config = tiny_config("vgg16", solver="bpgrad=100:form=authors:decay=in-gradient")
    assert not config.decays_loss and config.make_solver(10).weight_decay == 0.0005


def test_split_shares_out_all_images_once(tmp_path):
    data = open_boxes(write_boxed(tmp_path / "own", 10))
    split = split_boxed(data, tiny_config("vgg16", test_share=0.3, validation_share=0.2))
    assert [len(part) for part in (split.train, split.validation, split.test)] == [6, 1, 3]
    assert len({*split.train, *split.validation, *split.test}) == 10


def test_nothing_is_written_for_a_backbone_that_is_missing(tmp_path):
    spec = write_boxed(tmp_path / "own", 4)
    with pytest.raises(InputError, match="does not exist"):
        train(spec, tmp_path / "run", tiny_config(str(tmp_path / "gone.keras")))
    assert not (tmp_path / "run").exists()


def test_nothing_is_written_for_a_batch_that_is_too_large(tmp_path):
    spec = write_boxed(tmp_path / "own", 4)
    with pytest.raises(InputError, match="batch size is 8 but there are only 3"):
        train(spec, tmp_path / "run", tiny_config(write_backbone(tmp_path / "small.keras"), batch_size=8))
    assert not (tmp_path / "run").exists()


def test_split_without_an_object_is_refused(tmp_path):
    spec = write_boxed(tmp_path / "own", 4)
    for number in range(3):
        (tmp_path / "own" / f"{number}.xml").write_text("<annotation></annotation>")
    with pytest.raises(InputError, match="has a box that counts"):
        for seed in range(2):
            split_boxed(open_boxes(spec), tiny_config("vgg16", split_seed=seed))


def test_image_thinner_than_a_feature_is_refused(tmp_path):
    spec = write_boxed(tmp_path / "own", 4)
    Image.new("RGB", (800, 4)).save(tmp_path / "own" / "0.png")
    box = "<bndbox><xmin>1</xmin><ymin>1</ymin><xmax>90</xmax><ymax>4</ymax></bndbox>"
    (tmp_path / "own" / "0.xml").write_text(
        f"<annotation><object><name>bright</name>{box}</object></annotation>"
    )
    with pytest.raises(
        InputError, match="800x4 pixels: scaled .* 0.5 pixels across, and a cell of the features has 8"
    ):
        train(spec, tmp_path / "run", tiny_config(write_backbone(tmp_path / "small.keras")))
    assert not (tmp_path / "run").exists()
