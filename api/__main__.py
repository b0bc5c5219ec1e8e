"""`python -m api` is the `runoff` program."""

from api.cli import main

main()
