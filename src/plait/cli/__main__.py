"""`python -m plait.cli`: the program `plait`."""

from plait.cli.app import main

main()
