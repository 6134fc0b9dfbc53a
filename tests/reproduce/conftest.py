from tests.cli.conftest import place

__all__ = ["place"]
