import pytest

from tfapp.reproduce.transfer.studies import merged_grid, table_5_2


def metrics(low, accuracy=0.5):
    features = [
        {"title": title, "dimension": 4, "mean": {"area": value, "11-point": value}, "accuracy": accuracy}
        for title, value in (("HR", 0.9), ("LR", low))
    ]
    return {"features": features}


def test_table_has_the_mean_and_the_spread_over_seeds():
    table = table_5_2([metrics(0.50), metrics(0.52)])
    assert table.header == ["features", "length", "mAP area %", "mAP 11-point %", "accuracy %"]
    assert table.rows[1] == ["LR", "4", "51.00 ± 1.41", "51.00 ± 1.41", "50.00 ± 0.00"]


def test_images_of_several_classes_have_no_accuracy():
    table = table_5_2([metrics(0.5, accuracy=None)])
    assert len(table.header) == 4 and table.rows[0] == ["HR", "4", "90.00", "90.00"]


def test_grids_of_several_seeds_are_joined_and_their_baselines_averaged():
    grids = [{"ap": "area", "low": low, "high": 0.9, "cells": [low]} for low in (0.4, 0.6)]
    assert merged_grid(grids) == {"ap": "area", "low": pytest.approx(0.5), "high": 0.9, "cells": [0.4, 0.6]}
