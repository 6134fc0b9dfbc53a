import random

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfapp.errors import InputError
from tfapp.models import build_classifier

CIFAR, IMAGENET = (32, 32, 3), (224, 224, 3)


def num_trainable(model):
    return sum(int(np.prod(variable.shape)) for variable in model.trainable_variables)


def pictures(shape, count=4):
    return np.random.default_rng(0).random((count, *shape), dtype=np.float32)


@pytest.mark.parametrize(
    ("name", "num_classes", "shape", "options", "expected"),
    [
        # 100 * 100 + 100 + 100 * 2 + 2.
        ("two-layer", 2, (100,), {}, 10_302),
        # LeCun et al. 1998, section II.B: C1 156, S2 12, C3 1,516, S4 32, C5 48,120, F6 10,164; the codes are fixed.
        ("lenet-5-1998", 10, (28, 28, 1), {}, 60_000),
        # With all connections, dense outputs and pooling without weights: 156 + 2,416 + 48,120 + 10,164 + 850.
        ("lenet-5", 10, (28, 28, 1), {}, 61_706),
        ("lenet-5", 10, (32, 32, 1), {}, 61_706),
        # Caffe's LeNet and cifar10-quick, which MatConvNet has too: 520 + 25,050 + 400,500 + 5,010, and
        # 2,432 + 25,632 + 51,264 + 65,600 + 650.
        ("lenet-5-sigmoid", 10, (28, 28, 1), {}, 61_706),
        ("lenet-mnist", 10, (28, 28, 1), {}, 431_080),
        ("lenet-cifar10", 10, CIFAR, {}, 145_578),
        # Caffe's bvlc_alexnet; Krizhevsky et al. 2012 say 60 million.
        ("alexnet", 1000, (227, 227, 3), {}, 60_965_224),
        # A scale and a shift more for each of 96 + 256 + 384 + 384 + 256 + 4,096 + 4,096 outputs.
        ("alexnet-bn", 1000, (227, 227, 3), {}, 60_984_360),
        # torchvision's vgg11; Simonyan, Zisserman 2015, table 2: 133, 138 and 144 million, keras.applications.
        ("vgg-11", 1000, IMAGENET, {}, 132_863_336),
        ("vgg-16", 1000, IMAGENET, {}, 138_357_544),
        ("vgg-19", 1000, IMAGENET, {}, 143_667_240),
        # Springenberg et al. 2015, table 3: about 1.4 million.
        # 2,688 + 2 * 83,040 + 166,080 + 3 * 331,968 + 37,056 + 1,930.
        ("all-cnn-c", 10, CIFAR, {}, 1_369_738),
        # torchvision's resnet18 and resnet34.
        ("resnet-18", 1000, IMAGENET, {}, 11_689_512),
        ("resnet-34", 1000, IMAGENET, {}, 21_797_672),
        # ResNet18 and ResNet50 of K. Liu's pytorch-cifar.
        ("resnet-18", 10, CIFAR, {}, 11_173_962),
        ("resnet-50", 10, CIFAR, {}, 23_520_842),
        # keras.applications: torchvision's 25,557,032 and 44,549,160, and 26,560 and 52,672 biases.
        ("resnet-50", 1000, IMAGENET, {}, 25_583_592),
        ("resnet-101", 1000, IMAGENET, {}, 44_601_832),
    ],
)
def test_has_the_trainable_parameters_of_the_paper(no_values, name, num_classes, shape, options, expected):
    model = build_classifier(name, num_classes, shape, **options)
    assert num_trainable(model) == expected
    assert model.output_shape == (None, num_classes)


@pytest.mark.parametrize(
    # He et al. 2016, table 6, in millions.
    ("depth", "millions"),
    [(20, 0.27), (32, 0.46), (110, 1.7)],
)
def test_residual_network_for_cifar_has_the_layers_and_parameters_of_the_paper(no_values, depth, millions):
    model = build_classifier(f"resnet-{depth}", 10, CIFAR)
    kernels = [variable for variable in model.trainable_variables if variable.name == "kernel"]
    assert len(kernels) == depth
    assert round(num_trainable(model) / 1e6, 1 if depth == 110 else 2) == millions


@pytest.mark.parametrize("depth", [20, 56])
def test_plain_network_has_the_parameters_of_its_residual_twin_and_no_shortcut(no_values, depth):
    plain, residual = (build_classifier(f"{kind}-{depth}", 10, CIFAR) for kind in ("plain", "resnet"))
    assert [w.shape for w in plain.trainable_variables] == [w.shape for w in residual.trainable_variables]
    assert not any(isinstance(layer, keras.layers.Add) for layer in plain.layers)
    assert all(len(layer._inbound_nodes[0].input_tensors) == 1 for layer in plain.layers[1:])


def test_network_for_cifar_without_batch_normalisation_has_biases_in_its_place(no_values):
    model = build_classifier("plain-20", 10, CIFAR, batch_norm=False)
    assert not any(isinstance(layer, keras.layers.BatchNormalization) for layer in model.layers)
    assert all(layer.use_bias for layer in model.layers if isinstance(layer, keras.layers.Conv2D))


@pytest.mark.parametrize(
    ("name", "hidden_layers"),
    [
        ("lenet-5", 4),
        ("lenet-mnist", 3),
        ("lenet-cifar10", 4),
        ("vgg-11", 10),
        ("vgg-16", 15),
        ("resnet-20", 19),
        ("plain-20", 19),
    ],
)
def test_batch_normalisation_stands_behind_every_layer_but_the_last_or_none(no_values, name, hidden_layers):
    plain, normalised = (build_classifier(name, 10, CIFAR, batch_norm=given) for given in (False, True))
    counts = [
        sum(isinstance(layer, keras.layers.BatchNormalization) for layer in model.layers)
        for model in (plain, normalised)
    ]
    assert counts == [0, hidden_layers]
    kernels = [
        [
            (variable.path, variable.shape)
            for variable in model.trainable_variables
            if variable.name == "kernel"
        ]
        for model in (plain, normalised)
    ]
    assert len(kernels[0]) == hidden_layers + 1 and kernels[0] == kernels[1]


def test_kernels_begin_the_same_with_and_without_batch_normalisation():
    kernels = [
        [
            np.asarray(one)
            for one in build_classifier("lenet-5", 10, CIFAR, batch_norm=given).trainable_variables
            if one.name == "kernel"
        ]
        for given in (False, True)
    ]
    for one, other in zip(*kernels, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(
    ("name", "smallest"),
    [
        ("lenet-5", 12),
        ("lenet-5-sigmoid", 12),
        ("lenet-mnist", 16),
        ("lenet-cifar10", 1),
        ("alexnet", 67),
        ("alexnet-bn", 32),
        ("vgg-16", 32),
        ("all-cnn-c", 9),
    ],
)
def test_takes_images_of_its_smallest_size_and_none_below(no_values, name, smallest):
    assert build_classifier(name, 3, (smallest, smallest + 1, 3)).output_shape == (None, 3)
    if smallest > 1:
        with pytest.raises(InputError, match=f"{name} needs images of at least {smallest}x{smallest} pixels"):
            build_classifier(name, 3, (smallest + 1, smallest - 1, 3))


@pytest.mark.parametrize(
    ("name", "shape", "options"),
    [
        ("two-layer", (100,), {}),
        ("two-layer", (10, 10, 1), {}),
        ("lenet-5", (28, 28, 1), {}),
        ("lenet-5-1998", (28, 28, 1), {}),
        ("lenet-mnist", (28, 28, 1), {"image_scale": 255.0, "image_mean": 0.5}),
        ("lenet-cifar10", CIFAR, {"image_scale": 255.0, "image_mean": 0.5}),
        ("all-cnn-c", (12, 12, 3), {"dropout": 0.0, "input_dropout": 0.0}),
        ("resnet-20", (8, 8, 3), {}),
    ],
)
def test_one_step_against_the_gradient_lowers_the_loss(name, shape, options):
    model, images, labels = build_classifier(name, 10, shape, **options), pictures(shape), np.arange(4)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    with tf.GradientTape() as tape:
        before = loss(labels, model(images, training=True))
    gradients = tape.gradient(before, [variable.value for variable in model.trainable_variables])
    norm = tf.linalg.global_norm(gradients)
    for variable, gradient in zip(model.trainable_variables, gradients, strict=True):
        variable.assign_sub(1e-3 * gradient / norm)
    assert loss(labels, model(images, training=True)) < before


@pytest.mark.parametrize("name", ["lenet-5-1998", "alexnet", "vgg-16"])
def test_the_seed_alone_decides_the_weights(name, monkeypatch):
    monkeypatch.setattr(keras.layers.Dense, "build", small_dense(keras.layers.Dense.build))
    shape = {"lenet-5-1998": (28, 28, 1), "alexnet": (67, 67, 3)}.get(name, CIFAR)
    weights = {}
    for run, (seed, outside) in enumerate([(0, 1), (0, 2), (1, 1)]):
        keras.utils.set_random_seed(outside)
        weights[run] = build_classifier(name, 10, shape, seed=seed).get_weights()
    for one, same in zip(weights[0], weights[1], strict=True):
        np.testing.assert_array_equal(one, same)
    assert any(np.any(one != other) for one, other in zip(weights[0], weights[2], strict=True))


def small_dense(build):
    """Narrow the layers of 4,096 units, whose weights would take long to draw."""

    def narrowed(self, input_shape):
        self.units = min(self.units, 84)
        build(self, input_shape)

    return narrowed


def test_building_leaves_the_generator_outside_as_it_was():
    random.seed(5)
    before = random.getstate()
    build_classifier("two-layer", 2, (4,), seed=3)
    assert random.getstate() == before


@pytest.mark.parametrize("name", ["lenet-5-1998", "resnet-20"])
@pytest.mark.parametrize("kernels_only", [False, True])
def test_weight_decay_adds_half_its_squared_norm_to_the_loss(name, kernels_only):
    options = {"weight_decay": 0.02, "kernels_only": kernels_only}
    model = build_classifier(name, 10, (28, 28, 1), **options)
    decayed = [v for v in model.trainable_variables if v.name == "kernel" or not kernels_only]
    expected = 0.01 * sum(np.sum(np.square(variable.numpy(), dtype=np.float64)) for variable in decayed)
    np.testing.assert_allclose(sum(model.losses), expected, rtol=1e-5)


def test_without_weight_decay_there_is_no_such_loss():
    assert build_classifier("two-layer", 10, (28, 28, 1)).losses == []


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("lenet-5-1998", (28, 28, 1)),
        ("alexnet", (67, 67, 3)),
        ("alexnet-bn", (64, 64, 3)),
        ("resnet-20", (9, 9, 3)),
    ],
)
def test_saved_classifier_loads_with_its_answers_and_its_weight_decay(tmp_path, monkeypatch, name, shape):
    monkeypatch.setattr(keras.layers.Dense, "build", small_dense(keras.layers.Dense.build))
    model = build_classifier(name, 10, shape, weight_decay=0.01, image_mean=0.25)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    images = pictures(shape)
    np.testing.assert_array_equal(loaded(images), model(images))
    np.testing.assert_allclose(sum(loaded.losses), sum(model.losses), rtol=1e-6)


@pytest.mark.parametrize("mean", [0.25, [0.1, 0.2, 0.3], np.linspace(0, 1, 4 * 5 * 3).reshape(4, 5, 3)])
def test_network_sees_scaled_images_less_their_mean(mean):
    plain = build_classifier("two-layer", 3, (4, 5, 3))
    scaled = build_classifier("two-layer", 3, (4, 5, 3), image_scale=255.0, image_mean=mean)
    images = pictures((4, 5, 3))
    expected = plain(255 * (images - np.asarray(mean, np.float32)))
    np.testing.assert_allclose(scaled(images), expected, rtol=1e-4, atol=1e-3)


def test_logits_are_float32_under_mixed_precision():
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        model = build_classifier("lenet-5-1998", 10, (28, 28, 1))
    finally:
        keras.config.set_dtype_policy("float32")
    logits = model(pictures((28, 28, 1)))
    assert logits.dtype == tf.float32 and np.isfinite(logits).all()


@pytest.mark.parametrize(
    ("size", "stem", "expected"),
    [(64, None, 64), (65, None, 17), (32, "imagenet", 8)],
)
def test_stem_fits_the_size_of_the_images_unless_it_is_chosen(no_values, size, stem, expected):
    model = build_classifier("resnet-18", 10, (size, size, 3), stem=stem)
    assert model.get_layer("stage1_block1_add").output.shape[1:3] == (expected, expected)


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        (("lenet", 10, CIFAR), {}, "Unknown classifier 'lenet'; choose one of: two-layer, lenet-5"),
        (("lenet-5", 1, CIFAR), {}, "at least 2 classes; got 1"),
        (("lenet-5", 10, (32, 32)), {}, r"fixed shape \(height, width, channels\); got \(32, 32\)"),
        (("lenet-5", 10, (None, None, 3)), {}, "fixed shape"),
        (("two-layer", 10, (4, 4)), {}, "fixed shape"),
        (("lenet-5-1998", 10, CIFAR), {}, "grey images of 28x28 or 32x32 .* take lenet-5"),
        (("lenet-5-1998", 5, (28, 28, 1)), {}, "10 classes"),
        (("resnet-18", 10, CIFAR), {"stem": "small"}, "Unknown stem 'small'; choose one of: imagenet, cifar"),
        (("lenet-5", 10, CIFAR), {"weight_decay": -1.0}, "finite number of at least 0; got -1.0"),
        (("lenet-5", 10, CIFAR), {"weight_decay": float("nan")}, "finite number of at least 0; got nan"),
        (("two-layer", 10, CIFAR), {"batch_norm": True}, "`batch_norm` is for lenet-5, .*; got two-layer"),
        (("alexnet", 10, IMAGENET), {"batch_norm": True}, "with batch normalisation is alexnet-bn"),
        (("vgg-16", 10, CIFAR), {"batch_norm": True, "weights": "file"}, "without batch normalisation"),
    ],
)
def test_what_cannot_be_built_is_refused(arguments, options, message):
    with pytest.raises(InputError, match=message):
        build_classifier(*arguments, **options)
