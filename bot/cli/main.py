"""Entry of the command line: runs a command and turns errors into one line and an exit code.

| code | meaning |
|---|---|
| 0 | done |
| 1 | failed: the disk, the network, or a check that did not pass (`tape verify`) |
| 2 | a bad argument or input file |
| 3 | a bad configuration |
| 4 | the session is run by another process |
| 70 | a bug: a state that must not happen |
| 130 | ended early by Ctrl-C; `paper`, `watch` and `backtest` still print their report |
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from bot.cli.app import app
from bot.core.errors import LopsideError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code. Never raises what it can explain."""
    try:
        app(args=None if arguments is None else list(arguments), prog_name="lopside")
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else int(bool(ended.code))
    except LopsideError as error:
        return _explained(str(error), error.exit_code)
    except BrokenPipeError:
        # Whoever read us (`| head`) has seen enough; nothing must be flushed into the closed pipe.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        return _explained(f"{where}{error.strerror or error}", 1)
    return 0


def _explained(message: str, code: int) -> int:
    print("error: " + " ".join(message.split()), file=sys.stderr)  # noqa: T201
    return code
