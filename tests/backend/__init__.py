"""What leaves the process for Clerk: bounded, fetched once for all, and quiet."""
