"""Which route serves a request, and what guards it."""
