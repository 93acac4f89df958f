"""`python -m plait.cli`: the program `plait`."""

from plait.cli.entry import main

main()
