"""What Clerk says and when to believe it: no I/O, no clock, no framework."""
