import numpy as np
import pytest
from PIL import Image

from tfapp.errors import InputError
from tfapp.landscape import save_sharpness_png, save_spectra_png
from tfapp.landscape.figures.sharpness_figures import draw_sharpness, draw_spectra
from tfapp.landscape.flatness.sharpness_search import Climb, Sharpness, Trial
from tfapp.landscape.flatness.spectrum import SpectralDensity


def measured(eps, values):
    climbs = [(Climb(value, 11, 10, "limit"), Climb(0.0, 11, 10, "all steps taken")) for value in values]
    return Sharpness(eps, 0.5, tuple(Trial(*climb, 0.8) for climb in climbs))


@pytest.fixture
def results():
    """Two networks at two sizes; the second is 100 times as sharp."""
    values = np.array([1.0, 2.0, 3.0])
    return [[measured(eps, scale * values) for eps in (1e-3, 5e-4)] for scale in (1.0, 100.0)]


@pytest.fixture
def spectrum():
    return SpectralDensity.smoothed([-1.0, 0.0, 4.0], [0.1, 0.8, 0.1])


def test_every_size_has_a_panel_with_every_network_and_all_its_trials(results):
    panels = draw_sharpness(results, ["FCN-16s", "U-Net"]).axes
    assert [panel.get_title() for panel in panels] == ["ε = 0.001", "ε = 0.0005"]
    assert [label.get_text() for label in panels[0].get_xticklabels()] == ["FCN-16s", "U-Net"]
    dots = [line.get_ydata() for line in panels[0].lines if line.get_marker() == "o"]
    np.testing.assert_allclose(dots, [[1, 2, 3], [100, 200, 300]])


def test_the_axis_is_logarithmic_where_networks_differ_by_more_than_ten(results):
    assert draw_sharpness(results, ["a", "b"]).axes[0].get_yscale() == "log"
    alone = draw_sharpness(results[:1], ["a"]).axes[0]
    assert alone.get_yscale() == "linear" and alone.get_ylim()[0] == 0


def test_one_trial_has_no_spread_and_is_drawn(tmp_path):
    save_sharpness_png([[measured(1e-3, [2.0])]], ["U-Net"], tmp_path / "sharpness.png")
    assert (tmp_path / "sharpness.png").is_file()


def test_spectra_are_drawn_with_their_density_on_a_logarithmic_axis(spectrum):
    axes = draw_spectra([spectrum, spectrum], ["a", "b"]).axes[0]
    assert axes.get_yscale() == "log" and len(axes.lines) == 2
    np.testing.assert_array_equal(axes.lines[0].get_ydata(), spectrum.density)


def test_files_are_pictures(results, spectrum, tmp_path):
    save_sharpness_png(results, ["FCN-16s", "U-Net"], tmp_path / "sharpness.png")
    save_spectra_png([spectrum], ["U-Net"], tmp_path / "spectrum.png")
    for name in ("sharpness.png", "spectrum.png"):
        with Image.open(tmp_path / name) as picture:
            assert picture.format == "PNG" and min(picture.size) > 400


def test_results_that_cannot_be_compared_are_refused(results, spectrum, tmp_path):
    path = tmp_path / "figure.png"
    with pytest.raises(InputError, match="Expected one title for each .* Received: 2 results, 1 titles"):
        save_sharpness_png(results, ["a"], path)
    with pytest.raises(InputError, match="Received: 0 results, 0 titles"):
        save_sharpness_png([], [], path)
    with pytest.raises(InputError, match="Expected results for the same sizes of the box"):
        save_sharpness_png([results[0], results[1][:1]], ["a", "b"], path)
    with pytest.raises(InputError, match="Received: 1 densities, 2 titles"):
        save_spectra_png([spectrum], ["a", "b"], path)
    assert not path.exists()
