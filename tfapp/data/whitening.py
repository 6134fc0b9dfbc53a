"""Contrast normalisation and whitening of images of one size, as MatConvNet's example for CIFAR-10 has them."""

import numpy as np

# The least standard deviation of the pixels of an image, and of a direction, that is divided by; of pixels up to 255.
LEAST_CONTRAST, LEAST_DEVIATION = 40.0, 10.0


def prepared(train, test, contrast, whiten):
    """Return images less the mean training image, with the same contrast and uncorrelated pixels if wanted.

    With z an image of pixels up to 255 less the mean training image:

        contrast:  z <- (z - mean(z)) m / max(std(z), 40),  m the mean of std(z) over the training images
        whiten:    z <- V diag(e / max(sqrt(d), 10)) V' z,  where V diag(d) V' is the mean of z z' over the
                   training images and e = sqrt(mean(d)), which about keeps the size of the pixels

    Args:
        train, test: uint8 (count, height, width, channels).
        contrast, whiten: Whether to do either; contrast comes first.

    Returns:
        Both, float32 of the same shapes, divided by 255: about from -1 to 1.

    Reference:
        A. Vedaldi, K. Lenc, "MatConvNet - Convolutional Neural Networks for MATLAB", ACM Multimedia 2015, its example
        for CIFAR-10, which takes m over the test images too; A. Coates, H. Lee, A. Y. Ng, "An Analysis of Single-Layer
        Networks in Unsupervised Feature Learning", AISTATS 2011.
    """
    mean = train.mean(0, np.float64).ravel()
    parts = [(images.reshape(len(images), -1) - mean).astype(np.float32) for images in (train, test)]
    if contrast:
        parts = [part - part.mean(1, keepdims=True) for part in parts]
        deviations = [part.std(1, ddof=1, keepdims=True) for part in parts]
        usual = deviations[0].mean()
        parts = [
            part * (usual / np.maximum(deviation, LEAST_CONTRAST))
            for part, deviation in zip(parts, deviations, strict=True)
        ]
    if whiten:
        matrix = whitening_matrix(parts[0])
        parts = [part @ matrix for part in parts]
    return [
        (part / 255).astype(np.float32).reshape(images.shape)
        for part, images in zip(parts, (train, test), strict=True)
    ]


def whitening_matrix(rows):
    """Return the symmetric matrix of `prepared`, float32 (length, length), of rows float32 (count, length)."""
    moments = rows.T @ rows / len(rows)
    values, vectors = np.linalg.eigh(moments)
    # Rounding may leave some of those that are 0 a little below.
    values = np.maximum(values, 0.0)
    scale = np.sqrt(values.mean()) / np.maximum(np.sqrt(values), LEAST_DEVIATION)
    return ((vectors * scale) @ vectors.T).astype(np.float32)
