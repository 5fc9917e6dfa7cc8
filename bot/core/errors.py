"""The one small tree of exceptions. Expected refusals are data, not exceptions.

Every `LopsideError` carries a message for a person: what was expected, what
came, what to do. The CLI prints it as one line and exits with `exit_code`.
"""

from __future__ import annotations


class LopsideError(Exception):
    """Base of all errors this project raises on purpose."""

    exit_code = 1


class BadInput(LopsideError):
    """A file, frame or argument is not what it should be."""

    exit_code = 2


class BadConfig(LopsideError):
    """A configuration key or value is wrong."""

    exit_code = 3


class BadTape(BadInput):
    """A tape or live log is damaged or of another format."""


class SessionLocked(LopsideError):
    """Another process runs this session."""

    exit_code = 4


class IllegalTransition(LopsideError):
    """A state machine was asked for a step that is not in its table: a bug of ours."""

    exit_code = 70


class KernelError(LopsideError):
    """The compiled loop met a row it cannot apply: a bug or a damaged tape."""

    exit_code = 70
