"""What clerk_fastapi promises, claim by claim."""
