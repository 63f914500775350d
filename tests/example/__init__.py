"""The example application, over real HTTP."""
