"""The helpers that all commands share: output, progress, signals, one-line errors."""

import asyncio
import json
import os
import signal
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any, NoReturn

import typer
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, MofNCompleteColumn, Progress, TextColumn

from bot.settings import SettingsError

console = Console(stderr=True)


@contextmanager
def errors() -> Iterator[None]:
    """Turn errors that the user can fix into one line."""
    try:
        yield
    except KeyboardInterrupt:
        raise typer.Exit(130) from None
    except typer.Exit:
        raise
    except (SettingsError, OSError, ValueError) as error:  # malformed lines, missing folders
        stop(str(error))
    except Exception as error:
        message = _explained(error)
        if message is None:
            raise
        stop(message)


def _explained(error: Exception) -> str | None:
    """Return what to tell of an error that the user can fix."""
    # Imported only now: a command that ends well needs few of these modules.
    from telegram.error import InvalidToken, TelegramError

    from bot.service.leadership import LeadershipLostError
    from bot.transport.surroundings import what_to_check
    from inference import GenerationError, ModelError
    from safety.response.hotlines import HotlineError
    from storage import SecretKeyError, StorageError

    known = (
        StorageError,
        SecretKeyError,
        HotlineError,
        LeadershipLostError,
        ModelError,
        GenerationError,
    )
    if isinstance(error, known):
        return str(error)
    if isinstance(error, InvalidToken):
        return "Telegram refuses the token. Check PICA_TELEGRAM_TOKEN with @BotFather."
    if isinstance(error, TelegramError):
        return f"Telegram cannot be reached ({type(error).__name__}). {what_to_check()}"
    return None


def in_utf8(given: Any) -> Any:
    """Accept only UTF-8 text from the command line (a callback for Typer)."""
    if isinstance(given, list):
        return [in_utf8(part) for part in given]
    if not isinstance(given, str) or given.isascii():
        return given
    try:
        given.encode()
    except UnicodeEncodeError:  # the locale could not decode these bytes, but UTF-8 may
        try:
            return os.fsencode(given).decode()
        except UnicodeDecodeError:
            raise typer.BadParameter("the text is not UTF-8. Set the terminal to UTF-8.") from None
    return given


def print_json(value: Any) -> None:
    """Print a value as one line of JSON, in UTF-8 under every locale."""
    line = json.dumps(value, ensure_ascii=False)
    try:
        typer.echo(line.encode())
    except UnicodeEncodeError:  # JSON can escape a lone surrogate, UTF-8 cannot encode it
        typer.echo(json.dumps(value).encode())


def stop(message: str) -> NoReturn:
    """Print a message and exit with status 1."""
    console.print(message, style="bold red", highlight=False, markup=False, soft_wrap=True)
    raise typer.Exit(1)


@contextmanager
def progress(title: str, *, unit: str = "bytes") -> Iterator[Callable[[int, int], None]]:
    """Show a progress bar, and yield a function that takes the count and the total (or 0)."""
    count = DownloadColumn() if unit == "bytes" else MofNCompleteColumn()
    with Progress(TextColumn(title), BarColumn(), count, console=console, transient=True) as bar:
        task = bar.add_task(title, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total or None)


@asynccontextmanager
async def until_signal() -> AsyncIterator[asyncio.Event]:
    """Yield an event that SIGINT (Ctrl-C) or SIGTERM sets."""
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(name, stopped.set)
    try:
        yield stopped
    finally:
        for name in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(name)
