"""The rows of docs/deviations.md as rules, in the order in which they apply."""
