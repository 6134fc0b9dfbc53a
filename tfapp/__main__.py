"""`python -m tfapp` is the command `tfapp`."""

from tfapp.cli.main import main

main()
