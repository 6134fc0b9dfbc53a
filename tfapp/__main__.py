"""Entry of the command `tfapp`, which is `python -m tfapp` too."""

import sys

from tfapp.lazy_names import missing_library


def main():
    """Run the command line; exit with 2 and a sentence where a library that it takes is not installed."""
    try:
        from tfapp.cli.main import main as run
    except ModuleNotFoundError as error:
        told = missing_library(error, "The command tfapp")
        if told is None:
            raise
        sys.stderr.write(f"{told}\n")
        sys.exit(2)
    run()


if __name__ == "__main__":
    main()
