"""How long workers wait for Redis: a machine that is busy is no outage."""

import os

from clerk_fastapi.stores import driver

__all__ = ["be_patient"]


def be_patient() -> None:
    """Wait as long as the test says, and by default longer than any machine is busy."""
    driver._PATIENCE = float(os.environ.get("PATIENCE", "60"))
