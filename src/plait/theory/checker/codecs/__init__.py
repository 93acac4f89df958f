"""Contents as prefixes, and back from answers."""
