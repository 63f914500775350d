"""What Clerk says and when to believe it, tested without a network or a running instance."""
