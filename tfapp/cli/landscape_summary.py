"""The table that `tfapp landscape` prints."""


def summary(surface):
    """Return (label, text) rows: the self-check of a surface, its directions, and how it was measured."""
    check, timing = surface.metadata["self_check"], surface.metadata["timing"]
    rows = [
        ("f(0, 0), the solution", f"{check['centre']:.6g}"),
        ("model.evaluate", f"{check['evaluate']:.6g}"),
        ("difference", f"{check['centre_minus_evaluate']:.1e}"),
    ]
    if len(surface.betas) > 1 and not (0 in surface.alphas and 0 in surface.betas):
        rows.append(("the solution", "is no point of this grid"))
    for name in ("minimum", "maximum"):
        if check[name] is not None:
            loss, alpha, beta = check[name]
            rows.append((name, f"{loss:.6g} at ({alpha:g}, {beta:g})"))
    rows += [*_prediction_rows(surface), *_direction_rows(surface)]
    times = (("a point", "seconds_per_point"), ("a bare forward pass", "seconds_bare_forward"))
    return [
        *rows,
        ("NaN cells", f"{check['nan_cells']} of {surface.status.size}"),
        ("weights untouched", "yes" if check["weights_untouched"] else "NO"),
        ("share of parameters moved", f"{check['share_perturbed']:.2%}"),
        *((label, f"{1e3 * timing[name]:.1f} ms") for label, name in times if name in timing),
    ]


def _prediction_rows(surface):
    """Say how many points were measured, and how well the others are predicted."""
    measured, found = surface.num_measured, surface.metadata["prediction"]
    rows = [("points measured", f"{measured} of {surface.status.size}")]
    if not surface.metadata["finished"]:
        return [*rows, ("budget", "ended; the same command goes on")]
    if found["failed"]:
        rows.append(("prediction", "did not work here: every point was measured"))
    elif found["points"]:
        errors = f"max {found['max_error']:.2%}, rms {found['rms_error']:.2%} of the range"
        rows.append((f"error at {found['points']} points", errors))
    return [*rows, *_precision_rows(surface.metadata.get("spot_check"))]


def _precision_rows(found):
    """Say how far a surface measured in bfloat16 is from float32, where that was measured."""
    if found is None:
        return []
    deviation = f"at most {found['max_deviation']:.2g}, {found['max_deviation_share']:.2%} of the range"
    return [(f"bfloat16 - float32 at {found['points']} points", deviation)]


def _direction_rows(surface):
    directions, check = surface.metadata["directions"], surface.metadata["self_check"]
    rows = []
    for name, label, relative, absolute in zip(
        ("α", "β"), directions["labels"], directions["relative"], directions["absolute"], strict=False
    ):
        rows.append((f"{name} = 1, {label}", f"{relative:.0%} of the weights, {absolute:.4g}"))
    if check.get("cosine") is not None:
        rows.append(("cosine of the directions", f"{check['cosine']:.4f}"))
    return rows
