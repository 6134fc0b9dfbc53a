"""LeNets: LeNet-5 as it is built today and with sigmoids, and the two that MatConvNet trains on MNIST and CIFAR-10."""

from keras import initializers, layers

from tfapp.models.vgg import batch_normalised

# Below this the first convolution is padded: MNIST's 28x28 become the 32x32 of LeCun et al. (1998).
PAPER_SIZE = 32


def lenet_5(images, num_classes, *, batch_norm=False):
    """Apply the LeNet-5 of today: 6-16-120-84 units with ReLU and max pooling, 61,706 parameters on 28x28x1.

    The network of 1998, `lenet_5_1998`, differs: it has trainable sub-sampling, a table of connections in its
    second convolution, squashing by tanh, and outputs that measure the distance to fixed codes.

    Args:
        images: Images `(batch, height, width, channels)` of at least 12x12 pixels; smaller ones than 32x32 are
            padded by 2 pixels.
        num_classes: Number of classes.
        batch_norm: Whether batch normalisation follows every layer but the last, before its activation; these have no
            biases then.

    Returns:
        Logits `(batch, num_classes)`.

    Reference:
        Y. LeCun, L. Bottou, Y. Bengio, P. Haffner, "Gradient-Based Learning Applied to Document Recognition",
        Proceedings of the IEEE 86(11), 1998.
    """
    return _lenet_5(images, num_classes, "relu", layers.MaxPooling2D, batch_norm)


def lenet_5_sigmoid(images, num_classes, *, batch_norm=False):
    """Apply the LeNet-5 of a thesis's background chapter: sigmoids and average pooling, 61,706 parameters on 28x28x1.

    Its convolutions and its first two fully connected layers end in sigmoids, and a vector of 400 goes into these. The
    chapter trains it by "tanh functions and MSE loss": `tfapp.models.TanhSquaredError` of its logits.

    Args:
        images, num_classes, batch_norm: As for `lenet_5`.

    Returns:
        Logits `(batch, num_classes)`.
    """
    return _lenet_5(images, num_classes, "sigmoid", layers.AveragePooling2D, batch_norm)


def _lenet_5(images, num_classes, activation, pooling, batch_norm):
    padding = "same" if min(images.shape[1:3]) < PAPER_SIZE else "valid"
    options = {"activation": activation, "batch_norm": batch_norm}
    x = _layer(images, layers.Conv2D, 6, 5, padding=padding, name="conv1", **options)
    x = pooling(2, name="pool1")(x)
    x = _layer(x, layers.Conv2D, 16, 5, name="conv2", **options)
    x = pooling(2, name="pool2")(x)
    x = layers.Flatten(name="flatten")(x)
    x = _layer(x, layers.Dense, 120, name="dense1", **options)
    x = _layer(x, layers.Dense, 84, name="dense2", **options)
    return layers.Dense(num_classes, name="scores")(x)


def lenet_mnist(images, num_classes, *, batch_norm=False):
    """Apply MatConvNet's LeNet for MNIST, 20-50-500 units: Caffe's, with 431,080 parameters on 28x28x1.

    Its only nonlinearities are max pooling and one ReLU. All weights come from N(0, 0.01^2), which is meant for
    images of 0 to 255 less their mean: build it with `image_scale=255` and the `image_mean` of the training part.

    Args:
        images: Images `(batch, height, width, channels)` of at least 16x16 pixels.
        num_classes: Number of classes.
        batch_norm: As for `lenet_5`; it stands where the example has it.

    Returns:
        Logits `(batch, num_classes)`.

    Reference:
        A. Vedaldi, K. Lenc, "MatConvNet - Convolutional Neural Networks for MATLAB", ACM Multimedia 2015,
        arXiv:1412.4564, its example `cnn_mnist_init.m`.
    """
    options = {"kernel_initializer": _normal(0.01), "batch_norm": batch_norm}
    x = _layer(images, layers.Conv2D, 20, 5, activation=None, name="conv1", **options)
    x = layers.MaxPooling2D(name="pool1")(x)
    x = _layer(x, layers.Conv2D, 50, 5, activation=None, name="conv2", **options)
    x = layers.MaxPooling2D(name="pool2")(x)
    x = layers.Flatten(name="flatten")(x)
    x = _layer(x, layers.Dense, 500, name="dense1", **options)
    return layers.Dense(num_classes, kernel_initializer=_normal(0.01), name="scores")(x)


def lenet_cifar10(images, num_classes, *, batch_norm=False):
    """Apply MatConvNet's LeNet for CIFAR-10: Caffe's cifar10-quick, with 145,578 parameters on 32x32x3.

    The standard deviations of the weights are meant for images of 0 to 255 less their mean, as in `lenet_mnist`.
    MatConvNet's factors of the learning rate per layer belong to its solver and are not part of the network.

    Args:
        images: Images `(batch, height, width, channels)`.
        num_classes: Number of classes.
        batch_norm: As for `lenet_5`.

    Returns:
        Logits `(batch, num_classes)`.

    Reference:
        MatConvNet as in `lenet_mnist`, its example `cnn_cifar_init.m`; A. Krizhevsky, "cuda-convnet", 2011.
    """
    x = _same_convolution(images, 32, 0.01, "conv1", batch_norm)
    x = layers.MaxPooling2D(3, 2, padding="same", name="pool1")(x)
    x = layers.ReLU(name="relu1")(x)
    for number, width in ((2, 32), (3, 64)):
        x = _same_convolution(x, width, 0.05, f"conv{number}", batch_norm)
        x = layers.ReLU(name=f"relu{number}")(x)
        # As in MatConvNet, the padding does not count in the average.
        x = layers.AveragePooling2D(3, 2, padding="same", name=f"pool{number}")(x)
    x = layers.Flatten(name="flatten")(x)
    x = _layer(x, layers.Dense, 64, kernel_initializer=_normal(0.05), name="dense1", batch_norm=batch_norm)
    return layers.Dense(num_classes, kernel_initializer=_normal(0.05), name="scores")(x)


def _same_convolution(x, width, deviation, name, batch_norm):
    options = {"padding": "same", "kernel_initializer": _normal(deviation), "name": name}
    return _layer(x, layers.Conv2D, width, 5, activation=None, batch_norm=batch_norm, **options)


def _layer(x, kind, *sizes, name, batch_norm, activation="relu", **options):
    if not batch_norm:
        return kind(*sizes, activation=activation, name=name, **options)(x)
    # Batch normalisation would take a bias away again.
    x = batch_normalised(kind(*sizes, use_bias=False, name=name, **options)(x), name)
    return layers.Activation(activation, name=f"{name}_{activation}")(x) if activation else x


def _normal(deviation):
    return initializers.RandomNormal(stddev=deviation)
