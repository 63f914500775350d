"""The application for any ASGI server: ``uvicorn example_app.main:app``."""

from example_app.application import create_app

app = create_app()
