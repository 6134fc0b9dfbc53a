"""Entry of `python -m tfapp`, which is the command `tfapp`."""

from tfapp.cli.main import main

main()
