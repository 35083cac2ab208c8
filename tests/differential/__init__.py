"""The evaluator against an independent program, on generated cases. See README.md."""
