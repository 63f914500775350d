"""The whole way of a browser over HTTP: application, handshake, and back."""
