"""Everything that leaves the process for Clerk, through one transport."""
