"""The local Clerk: what it issues, what it answers, and what it refuses."""
