"""What a confidence is worth: how well it tells right poses from wrong ones, and what is gained by leaving some out."""

import numpy as np
from sklearn.metrics import roc_auc_score

COVERAGES = (50, 80)


def abstention_scores(confidence, right) -> dict:
    """Return how well a confidence orders poses.

    Args:
        confidence: (n,), the larger the surer.
        right: bool (n,), which poses are right.

    Returns:
        A dict of `confidence_auroc`, the area under the ROC curve, None where all are right or all are wrong;
        `precision_at_50` and `precision_at_80`, the shares of right ones among the surest 50 and 80 %; and
        `precision_at_all`, that of all.
    """
    confidence, right = np.asarray(confidence, np.float64), np.asarray(right, bool)
    # Of equals in the order they came: a stable sort favours none.
    ordered = right[np.argsort(-confidence, kind="stable")]
    area = float(roc_auc_score(right, confidence)) if 0 < right.sum() < len(right) else None
    shares = {
        f"precision_at_{share}": float(ordered[: max(1, round(share / 100 * len(right)))].mean())
        for share in COVERAGES
    }
    return {"confidence_auroc": area, **shares, "precision_at_all": float(right.mean())}
