"""The ``clerk-fastapi`` command."""
