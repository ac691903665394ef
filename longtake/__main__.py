"""`python -m longtake`: the command line."""

from longtake.cli.main import start

start()
