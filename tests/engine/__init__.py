"""One running instance, tested through ``Clerk`` against a local one."""
