"""Clerk's JavaScript SDK as an oracle: what it answers, and where this package is stricter."""
