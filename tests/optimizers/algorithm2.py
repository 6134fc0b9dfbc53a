"""Algorithm 2 of BPGrad in NumPy; only losses and gradients are Keras's, taken eagerly."""

import numpy as np
import tensorflow as tf


def follow(
    model,
    loss_of,
    batches,
    *,
    lipschitz,
    rho=0.1,
    momentum=0.9,
    weight_decay=0.0,
    change=None,
    form="algorithm-2",
    decay="in-loss",
    mean_steps=None,
):
    """Walk over the batches and leave the weights in the model.

    Args:
        model: Keras model; its trainable weights move.
        loss_of: Function from the model and a batch to the scalar loss, regularisation included.
        batches: Batches, one for each step.
        lipschitz: L, or a function from the number of the step to L.
        rho: As in the text.
        momentum: As in the text.
        weight_decay: As `decay` says.
        form: Of the text, or `authors`, as they published it.
        decay: `in-loss`: in the loss and in the gradient; `in-gradient`: added to the gradient behind its norm.
        mean_steps: Steps of an epoch, whose losses so far are averaged, or None for the loss of each step.
        change: Function of the list of gradients, for clipping.

    Returns:
        Losses, running minima, step sizes, gradient norms: a list of four arrays.
    """
    weights = model.trainable_variables
    velocity = [np.zeros(w.shape) for w in weights]
    best, rows, past = np.inf, [], []
    for step, batch in enumerate(batches):
        loss, gradients = loss_and_gradients(model, loss_of, batch)
        gradients = change(gradients) if change else gradients
        x = [np.float64(w.numpy()) for w in weights]
        norm = np.sqrt(sum(np.sum(g**2) for g in gradients))
        gradients = [g + weight_decay * w for g, w in zip(gradients, x, strict=True)]
        if decay == "in-loss":
            loss += weight_decay / 2 * sum(np.sum(w**2) for w in x)
            norm = np.sqrt(sum(np.sum(g**2) for g in gradients))
        if mean_steps:
            past = [] if step % mean_steps == 0 else past
            past.append(loss)
            loss = np.mean(past)
        best = min(best, loss)
        eta = (loss - rho * best) / (lipschitz(step) if callable(lipschitz) else lipschitz)
        inside, outside = (eta, 1.0) if form == "algorithm-2" else (1.0, eta)
        velocity = [momentum * v - inside * g / norm for v, g in zip(velocity, gradients, strict=True)]
        for w, old, v in zip(weights, x, velocity, strict=True):
            w.assign(old + outside * v)
        rows.append((loss, best, eta, norm))
    return [np.array(column) for column in zip(*rows, strict=True)]


def loss_and_gradients(model, loss_of, batch):
    """Return the loss as a float and the dense gradients in float64."""
    with tf.GradientTape() as tape:
        loss = loss_of(model, batch)
    gradients = tape.gradient(loss, [w.value for w in model.trainable_variables])
    return float(loss), [np.float64(tf.convert_to_tensor(g)) for g in gradients]
