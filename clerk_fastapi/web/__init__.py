"""The engine's decisions, spoken in FastAPI."""
