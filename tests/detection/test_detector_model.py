"""Fast and Faster R-CNN as Keras models: shapes, initial weights, what is trained, losses."""

import keras
import numpy as np
import pytest
from tiny_detector import write_backbone

from tfapp.detection.backbones import open_backbone, strides_of
from tfapp.detection.losses import AnchorOffsets, TrueClassOffsets, losses_of, smooth_l1
from tfapp.detection.model import build_detector, parts_of, prepare_for_training
from tfapp.errors import InputError


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    return write_backbone(tmp_path_factory.mktemp("backbone") / "small.keras")


@pytest.fixture
def model(file):
    return build_detector(open_backbone(file), 3, 2, head_width=16)


def inputs(batch=2, height=32, width=48, count=5):
    rng = np.random.default_rng(0)
    low = rng.uniform(0, 20, (batch, count, 2))
    regions = np.concatenate([low, low + 10], axis=-1).astype(np.float32)
    return {"images": rng.random((batch, height, width, 3), np.float32), "regions": regions}


def test_outputs_have_a_row_for_each_region_and_each_anchor(model):
    shapes = {name: tuple(value.shape) for name, value in model(inputs()).items()}
    anchors = (32 // 8) * (48 // 8) * 2
    assert shapes == {
        "scores": (2, 5, 4),
        "offsets": (2, 5, 3, 4),
        "objectness": (2, anchors),
        "anchor_offsets": (2, anchors, 4),
    }


def test_without_anchors_there_is_no_proposal_head(file):
    model = build_detector(open_backbone(file), 3, head_width=16)
    assert set(model(inputs())) == {"scores", "offsets"} and parts_of(model).proposals is None


def test_anchors_are_in_the_order_of_the_places(model):
    """A change of the image at one place changes the anchors of the places around it alone."""
    given = inputs(batch=1, height=128, width=128)
    before = model(given)["objectness"].numpy()
    given["images"][0, 40:44, 80:84] += 1
    rows, columns, _ = np.nonzero((model(given)["objectness"].numpy() != before).reshape(16, 16, 2))
    assert abs(rows.mean() - 5) < 1.5 and abs(columns.mean() - 10) < 1.5


def test_initial_deviations_of_scores_and_offsets_are_girshicks(file):
    head = build_detector(open_backbone(file), 20, head_width=1024).get_layer("region_head")
    for name, deviation in (("score", 0.01), ("offset", 0.001)):
        kernel, bias = head.get_layer(name).get_weights()
        assert kernel.std() == pytest.approx(deviation, rel=0.05) and not bias.any()


def test_layers_up_to_the_frozen_stride_are_not_trained(file):
    names = {variable.path for variable in open_backbone(file, frozen_stride=4).model.trainable_variables}
    assert names and all("conv2" in name for name in names)


def test_strides_are_told_by_the_shapes(file):
    found = strides_of(keras.saving.load_model(file))
    assert [found[f"conv{number}"] for number in range(3)] == [2, 4, 8]


def test_named_layer_has_its_stride(file):
    assert open_backbone(file, layer="conv1").stride == 4


def test_unknown_layer_is_refused_with_those_there_are(file):
    with pytest.raises(InputError, match="no layer 'conv9'; some are .*conv2"):
        open_backbone(file, layer="conv9")


def test_backbone_of_one_image_size_is_refused(tmp_path):
    images = keras.Input((64, 64, 3))
    keras.Model(images, keras.layers.Conv2D(4, 3, 2)(images)).save(tmp_path / "fixed.keras")
    with pytest.raises(InputError, match="any size"):
        open_backbone(str(tmp_path / "fixed.keras"))


def test_layer_whose_stride_is_no_whole_number_is_refused(tmp_path):
    images = keras.Input((None, None, 3))
    x = keras.layers.Conv2D(4, 3, 2, name="valid")(images)
    keras.Model(images, x).save(tmp_path / "valid.keras")
    with pytest.raises(InputError, match="stride of layer 'valid' .* is not known"):
        open_backbone(str(tmp_path / "valid.keras"), layer="valid")


def test_decay_is_that_of_the_kernels_alone(model):
    prepare_for_training(model, 0.5)
    kernels = [one for one in model.trainable_variables if one.name == "kernel"]
    expected = 0.25 * sum(float((kernel.numpy() ** 2).sum()) for kernel in kernels)
    assert sum(map(float, model.losses)) == pytest.approx(expected, rel=1e-5)


def test_decay_is_kept_in_the_file(model, tmp_path):
    prepare_for_training(model, 0.5)
    model.save(tmp_path / "kept.keras")
    again = keras.saving.load_model(tmp_path / "kept.keras")
    assert sum(map(float, again.losses)) == pytest.approx(sum(map(float, model.losses)), rel=1e-6)


def test_smooth_l1_is_a_square_near_0_and_linear_beyond():
    found = smooth_l1(np.float64([-2, -1, -0.5, 0, 0.5, 1, 3])).numpy()
    assert found == pytest.approx([1.5, 0.5, 0.125, 0, 0.125, 0.5, 2.5])


def test_offsets_of_other_classes_and_of_background_cost_nothing():
    y_true = np.float32([[[2, 0.5, 0, 0, 0], [0, 9, 9, 9, 9]]])
    y_pred = np.full((1, 2, 3, 4), 7, np.float32)
    y_pred[0, 0, 1] = [0, 0, 2, 0]
    loss = TrueClassOffsets(reduction="mean_with_sample_weight")
    # Smooth L1 of .5 and of 2, over two regions.
    assert float(loss(y_true, y_pred, sample_weight=np.ones((1, 2)))) == pytest.approx((0.125 + 1.5) / 2)


def test_anchor_offsets_count_for_objects_with_sigma_3():
    y_true = np.float32([[[1, 0, 0, 0, 0], [0, 9, 9, 9, 9]]])
    y_pred = np.float32([[[0.1, 0, 0, 1], [5, 5, 5, 5]]])
    found = AnchorOffsets(reduction="mean_with_sample_weight")(y_true, y_pred, sample_weight=np.ones((1, 2)))
    assert float(found) == pytest.approx((4.5 * 0.01 + 1 - 1 / 18) / 2)


def test_regions_without_weight_do_not_count(model):
    losses = losses_of(model)
    labels, scores = np.array([[1, 2]]), np.float32([[[0.1, 0.6, 0.2, 0.1], [0.25, 0.25, 0.25, 0.25]]])
    found = losses["scores"](labels, scores, sample_weight=np.float32([[1, 0]]))
    assert float(found) == pytest.approx(-np.log(0.6), rel=1e-5)


def test_fully_connected_layers_take_the_weights_of_vgg16(file, tmp_path):
    features = keras.Input((7 * 7 * 16,))
    x = keras.layers.Dense(16, name="fc1", bias_initializer="ones")(features)
    trained = keras.Model(features, keras.layers.Dense(16, name="fc2", bias_initializer="ones")(x))
    trained.save(tmp_path / "vgg.keras")
    model = build_detector(open_backbone(file), 3, head_width=16)
    prepare_for_training(model, 0.0, str(tmp_path / "vgg.keras"))
    head = model.get_layer("region_head")
    for name, theirs in (("fc6", "fc1"), ("fc7", "fc2")):
        for one, other in zip(
            head.get_layer(name).get_weights(), trained.get_layer(theirs).get_weights(), strict=True
        ):
            assert (one == other).all()


def test_vgg16_without_its_last_pooling_has_stride_16():
    backbone = open_backbone("vgg16")
    assert backbone.stride == 16 and backbone.layer == "block5_conv3_relu"
    assert backbone.model.compute_output_shape((1, 64, 96, 3)) == (1, 4, 6, 512)
