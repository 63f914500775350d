"""``python -m example_app``: serve the example on HOST and PORT."""

import sys

import uvicorn

from clerk_fastapi import ConfigurationError
from example_app.application import create_app
from example_app.local import is_loopback
from example_app.settings import clerk_is_configured, read_settings


def main() -> None:
    """Serve until interrupted; a wrong configuration is one line, not a traceback."""
    try:
        settings = read_settings()
        _keep_to_this_machine(settings.host)
        app = create_app(settings)
    except ConfigurationError as error:
        sys.exit(error.message)
    uvicorn.run(app, host=settings.host, port=settings.port)


def _keep_to_this_machine(host: str) -> None:
    if not clerk_is_configured() and not is_loopback(host):
        raise ConfigurationError(
            f"HOST={host} can be reached by others, and the embedded LocalClerk signs in anyone as "
            "anybody: set the CLERK_* variables, or HOST=127.0.0.1."
        )


if __name__ == "__main__":
    main()
