"""The evaluator: tables from AWS's documentation, properties, and fuzzing."""
