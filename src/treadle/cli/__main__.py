"""`python -m treadle.cli` is the command `treadle`."""

from __future__ import annotations

import sys

from treadle.cli import main

sys.exit(main())
