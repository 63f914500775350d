"""Generated requests, judged by Clerk's JavaScript SDK and by this package."""
