"""Path tricks: whatever a request looks like, the route that serves it is judged by its policy."""
