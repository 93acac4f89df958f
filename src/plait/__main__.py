"""`python -m plait`: the command line, as `plait` has it."""

from plait.cli import main

if __name__ == "__main__":
    main()
