"""The anapress crawler: a Scrapy project that is run from its checkout.

`spiders` and `pipelines` are names that anybody may install, and Scrapy appends the project to sys.path,
so a stranger's package of that name would win, silently. So we look, and refuse to start.
"""

from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path


def _refuse_strangers() -> None:
    home = Path(__file__).parent.parent
    for name in ("spiders", "pipelines"):
        spec = find_spec(name)
        origin = Path(spec.origin) if spec and spec.origin else None
        if origin is None or origin.parent.parent != home:
            sys.stderr.write(
                f"The package {name!r} is not ours: Python finds {origin or 'none'}, ours is {home / name}. "
                f"Run from the checkout with its own environment (.venv), or uninstall the other {name!r}. "
                "(exit 2)\n"
            )
            raise SystemExit(2)  # wrong use, and nothing was fetched


_refuse_strangers()
