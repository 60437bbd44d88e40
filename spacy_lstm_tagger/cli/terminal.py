"""Messages on terminals of any encoding."""

import io
import os
import sys
from contextlib import contextmanager
from typing import Any, Iterator, TextIO, Tuple, Type

from wasabi import Printer

# Raised by spaCy and by this package for what a user got wrong: a setting or data
# (ValueError, of which those of configs are a kind), a path (OSError), a package that
# is not installed (ImportError), a section that a config does not have (KeyError).
# Bugs raise some of them, too: use it where input is read, and nowhere else.
USER_ERRORS = (ValueError, OSError, ImportError, KeyError)


class TerminalPrinter(Printer):
    """A printer of messages whose text may have any characters. Those that the
    terminal cannot show are printed as escapes, as Python writes them."""

    def text(self, title: Any = "", *args: Any, **settings: Any) -> Any:
        if not is_utf8(sys.stdout):
            # wasabi encodes titles as the terminal does, but decodes them as UTF-8.
            title = str(title).encode("ascii", "backslashreplace").decode("ascii")
        return super().text(title, *args, **settings)


def make_printer(*, pretty: bool = True) -> Printer:
    """Return a printer of messages. From now on, nothing that is printed is an error
    because the terminal has no character for it.

    pretty (bool): Whether to print colors and symbols.
    """
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
    return TerminalPrinter(pretty=pretty)


def is_utf8(stream: TextIO) -> bool:
    """Return True if all characters can be written to a stream."""
    return (stream.encoding or "").lower() in ("utf-8", "utf8")


def print_warning(title: str) -> None:
    """Print a warning where it does not get among results: to standard error."""
    print(TerminalPrinter(no_print=True).warn(title), file=sys.stderr)


def shows_color(msg: Printer) -> bool:
    """Return True if standard output is a terminal that colors are wanted on: neither
    NO_COLOR is set, nor what wasabi looks for (ANSI_COLORS_DISABLED,
    WASABI_NO_PRETTY and WASABI_LOG_FRIENDLY)."""
    wanted = msg.pretty and msg.show_color and not os.environ.get("NO_COLOR")
    return bool(wanted and sys.stdout.isatty())


@contextmanager
def user_errors(
    msg: Printer,
    title: str,
    kinds: Tuple[Type[Exception], ...] = USER_ERRORS,
    *,
    advice: str = "",
) -> Iterator[None]:
    """Print an error as a message, and exit with 1, as spaCy's commands do. Errors of
    other kinds are bugs, and keep their traceback.

    msg (Printer): Prints the message.
    title (str): The first line of the message: the step that failed.
    kinds (Tuple[Type[Exception], ...]): The kinds of errors that users cause.
    advice (str): What to do, where the error does not say it.
    """
    try:
        yield
    except kinds as error:
        msg.fail(title)
        # Not wrapped: errors of configs have several lines.
        print(str(error).strip())
        if advice:
            print(advice)
        sys.exit(1)
