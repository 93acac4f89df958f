"""What stored rows say: evidence, judges of claims, verdicts, and their words."""
