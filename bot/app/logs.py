"""The log of a session: JSON lines in a file that is rotated, with secrets blacked out.

A line holds `time` (UTC), `level`, `event` and whatever else was said. Secrets
are recognised by the name they stand under and by their value: every value of
an environment variable with such a name is known.
"""

from __future__ import annotations

import json
import logging
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Any

from bot.app.config import LoggingConfig
from bot.core.errors import LopsideError
from bot.operate.logbook import FILE_NAME

BLACK = "[redacted]"
SHORTEST_SECRET = 6
"""Shorter values are too common to be looked for inside other text."""

_WORDS = (
    r"(?:secret|token|notify_urls|passw(?:or)?d|passphrase|api_?key|private_?key|credential|authorization"
    r"|signature)"
)
_NAME = re.compile(_WORDS, re.IGNORECASE)
_PAIR = re.compile(
    rf"([\w-]*{_WORDS}[\w-]*[\"']?\s*[=:]\s*[\"']?)(?:(?:bearer|basic)\s+)?([^\s\"'&,;}}]+)", re.IGNORECASE
)


class Redaction:
    """Blacks out secrets in anything that can be JSON."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        values = {v for name, v in environ.items() if _NAME.search(name) and len(v) >= SHORTEST_SECRET}
        self._values = sorted(values, key=len, reverse=True)

    def clean(self, value: Any) -> Any:
        if isinstance(value, Mapping):
            return {
                key: BLACK if _NAME.search(str(key)) and isinstance(inner, str) else self.clean(inner)
                for key, inner in value.items()
            }
        if isinstance(value, list | tuple):
            return [self.clean(inner) for inner in value]
        return self.text(value) if isinstance(value, str) else value

    def text(self, text: str) -> str:
        for secret in self._values:
            text = text.replace(secret, BLACK)
        return _PAIR.sub(rf"\g<1>{BLACK}", text)


class SessionLog:
    """Says events with their figures: `log.info("started", seed=1)`."""

    def __init__(self, logger: logging.Logger) -> None:
        self._logger = logger

    def debug(self, event: str, **figures: Any) -> None:
        self._say(logging.DEBUG, event, figures)

    def info(self, event: str, **figures: Any) -> None:
        self._say(logging.INFO, event, figures)

    def warning(self, event: str, **figures: Any) -> None:
        self._say(logging.WARNING, event, figures)

    def error(self, event: str, **figures: Any) -> None:
        self._say(logging.ERROR, event, figures)

    def _say(self, level: int, event: str, figures: Mapping[str, Any]) -> None:
        self._logger.log(level, event, extra={"figures": figures})


@contextmanager
def session_log(
    folder: Path, config: LoggingConfig, environ: Mapping[str, str] | None = None
) -> Iterator[SessionLog]:
    """The log `folder/lopside.log` while the session runs, also of libraries' warnings.

    The folder is the session's to make: until it is there lines are held, and
    dropped if it never comes, so that a start that fails leaves nothing behind.
    """
    handler = _Lines(folder, config)
    handler.setFormatter(_Json(Redaction(os.environ if environ is None else environ)))
    logger, root = logging.getLogger("lopside"), logging.getLogger()
    logger.setLevel(config.level.upper())
    root.addHandler(handler)
    log = SessionLog(logger)
    try:
        yield log
    except (LopsideError, OSError) as error:
        log.error("failed", error=str(error), type=type(error).__name__)
        raise
    except Exception:
        logger.exception("crashed")
        raise
    finally:
        root.removeHandler(handler)
        handler.close()


class _Lines(RotatingFileHandler):
    def __init__(self, folder: Path, config: LoggingConfig) -> None:
        super().__init__(
            folder / FILE_NAME,
            maxBytes=int(config.max_mb * 1e6),
            backupCount=config.backups,
            encoding="utf-8",
            delay=True,
        )
        self._folder = folder
        self._held: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self._held.append(record)
        if self._folder.is_dir():
            for held in self._held:
                super().emit(held)
            self._held.clear()

    def close(self) -> None:
        if self._held and self._folder.is_dir():
            last = self._held.pop()
            self.emit(last)
        super().close()


class _Json(logging.Formatter):
    def __init__(self, redaction: Redaction) -> None:
        super().__init__()
        self._redaction = redaction

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "event": record.getMessage(),
            **getattr(record, "figures", {}),
        }
        if record.name != "lopside":
            line["from"] = record.name
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(self._redaction.clean(line), default=str, ensure_ascii=False)
