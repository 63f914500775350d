"""The guards as FastAPI applications use them, over HTTP and WebSockets."""
