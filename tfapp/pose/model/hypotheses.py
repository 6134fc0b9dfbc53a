"""Choice of a pose hypothesis for each instance: the ones that together explain a scene best."""

import tensorflow as tf

from tfapp.layers import nearest_distances

# How often each instance chooses anew, the others being where they chose to be.
ROUNDS = 2
# Points that tell poses apart.
FEW = 128


def hypothesis_costs(clouds, observed):
    """Return how far every hypothesis of every instance is from what was observed, whatever hides it.

    The first 128 points of each are enough to tell poses apart; they are in no order.

    Args:
        clouds: `(batch, K, N, m, 3)`, the object model at K poses of each of N instances.
        observed: `(batch, n, 3)`.

    Returns:
        own: `(batch, K, N)`, mean distance of a cloud's points to the nearest observed ones.
        back: `(batch, K, N, n)`, distance of each observed point to the nearest of a cloud.
    """
    clouds, observed = clouds[..., :FEW, :], observed[:, :FEW]
    count, instances, points = clouds.shape[1:4]
    flat = tf.reshape(clouds, (-1, points, 3))
    own, back = nearest_distances(flat, tf.repeat(observed, count * instances, axis=0))
    size = tf.shape(observed)[1]
    return (
        tf.reshape(tf.reduce_mean(own, -1), (-1, count, instances)),
        tf.reshape(back, (-1, count, instances, size)),
    )


def choose_hypotheses(own, back):
    """Return int32 `(batch, N)`: which hypothesis each instance takes.

    The cost of a choice is eq. 4.1 without hidden points, for all instances together. Looking at all K^N choices
    would be slow: each instance takes its nearest hypothesis, then each in turn the one that is best beside the
    others, twice. So the cost never rises, but another choice may be lower.

    Args:
        own, back: Of `hypothesis_costs`.
    """
    own, back = tf.transpose(own, (0, 2, 1)), tf.transpose(back, (0, 2, 1, 3))
    instances = own.shape[1]
    chosen = [tf.argmin(own[:, i], -1, output_type=tf.int32) for i in range(instances)]
    for _ in range(ROUNDS if instances > 1 else 1):
        for i in range(instances):
            others = [j for j in range(instances) if j != i]
            theirs = sum((tf.gather(own[:, j], chosen[j], batch_dims=1) for j in others), 0.0)
            there = (own[:, i] + (theirs[:, None] if others else 0.0)) / instances
            nearest = back[:, i]
            for j in others:
                nearest = tf.minimum(nearest, tf.gather(back[:, j], chosen[j], batch_dims=1)[:, None])
            costs = tf.maximum(there, tf.reduce_mean(nearest, -1))
            chosen[i] = tf.argmin(costs, -1, output_type=tf.int32)
    return tf.stack(chosen, 1)


def pick(poses, hypotheses):
    """Return the quaternions `(batch, N, 4)` and translations `(batch, N, 3)` of hypotheses `(batch, N)`.

    Args:
        poses: Dict of `quaternion` `(batch, K, N, 4)` and `translation` `(batch, K, N, 3)`.
        hypotheses: int32, below K.
    """
    return {
        name: tf.gather(tf.transpose(poses[name], (0, 2, 1, 3)), hypotheses, axis=2, batch_dims=2)
        for name in ("quaternion", "translation")
    }
