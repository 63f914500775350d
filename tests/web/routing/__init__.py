"""Policies for routes: which routes there are, what is decided for them, and by whom they ask."""
