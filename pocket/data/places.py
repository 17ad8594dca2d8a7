"""Where Pocket keeps what it downloads and makes: outside version control, in one folder."""

from __future__ import annotations

import os
from pathlib import Path


def home() -> Path:
    """The folder named by POCKET_HOME, by default ~/pocket: sources/, sprites/, shards/."""
    return Path(os.environ.get("POCKET_HOME", "~/pocket")).expanduser()
