"""``python -m clerk_fastapi.cli``: the command, where it is not on the path."""

import sys

from clerk_fastapi.cli import main

sys.exit(main())
