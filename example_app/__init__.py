"""Notes and settings of organizations: an example of clerk_fastapi on a real database."""
