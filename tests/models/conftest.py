import keras
import pytest


@pytest.fixture
def no_values():
    """Variables with a shape but no values: counting the parameters of a large network needs none."""
    with keras.StatelessScope(initialize_variables=False):
        yield
