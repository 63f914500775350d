"""One running instance: it decides who is asking."""
