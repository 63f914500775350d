"""``python -m example_app``: serve the example on HOST and PORT."""

import sys

import uvicorn

from clerk_fastapi import ConfigurationError
from example_app.application import create_app
from example_app.local import is_loopback
from example_app.settings import Settings, clerk_is_configured


def main() -> None:
    """Serve until interrupted; a wrong configuration is one line, not a traceback."""
    settings = Settings()
    if not clerk_is_configured() and not is_loopback(settings.host):
        sys.exit(
            f"HOST={settings.host} can be reached by others, and the embedded LocalClerk signs in "
            "anyone as anybody: set the CLERK_* variables, or HOST=127.0.0.1."
        )
    try:
        app = create_app(settings)
    except ConfigurationError as error:
        sys.exit(error.message)
    uvicorn.run(app, host=settings.host, port=settings.port)


if __name__ == "__main__":
    main()
