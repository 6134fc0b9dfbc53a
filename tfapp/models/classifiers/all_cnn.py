"""All-CNN-C (Springenberg et al., 2015): convolutions only."""

from keras import layers

# (filters, size, stride, padding) of table 1 there, model C with its poolings replaced by strides (table 2).
CONVOLUTIONS = (
    (96, 3, 1, "same"),
    (96, 3, 1, "same"),
    (96, 3, 2, "same"),
    (192, 3, 1, "same"),
    (192, 3, 1, "same"),
    (192, 3, 2, "same"),
    (192, 3, 1, "valid"),
    (192, 1, 1, "valid"),
)


def all_cnn_c(images, num_classes, *, dropout=0.5, input_dropout=0.2):
    """Apply All-CNN-C, with 1,369,738 parameters on 32x32x3 and 10 classes (published: about 1.4 million).

    As published, a ReLU follows the last convolution too, before the average over its map: no logit is negative.

    Args:
        images: Images `(batch, height, width, channels)` of at least 9x9 pixels.
        num_classes: Number of classes.
        dropout: Rate of dropout after the two convolutions of stride 2, in [0, 1).
        input_dropout: Rate of dropout on the images, in [0, 1).

    Returns:
        Logits `(batch, num_classes)`.

    Reference:
        J. T. Springenberg, A. Dosovitskiy, T. Brox, M. Riedmiller, "Striving for Simplicity: The All Convolutional
        Net", ICLR 2015 workshop, arXiv:1412.6806.
    """
    x = layers.Dropout(input_dropout, name="input_dropout")(images)
    for number, (width, size, stride, padding) in enumerate(CONVOLUTIONS, 1):
        x = _convolution(x, width, size, f"conv{number}", strides=stride, padding=padding)
        if stride == 2:
            x = layers.Dropout(dropout, name=f"conv{number}_dropout")(x)
    x = _convolution(x, num_classes, 1, "scores")
    return layers.GlobalAveragePooling2D(name="average")(x)


def _convolution(x, width, size, name, **options):
    return layers.Conv2D(
        width, size, activation="relu", kernel_initializer="he_normal", name=name, **options
    )(x)
