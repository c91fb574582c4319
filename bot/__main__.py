"""The `pica` command. The only place that reads the environment.

Knows nothing of how things are done: each command builds settings, calls one part
and turns its errors into one line that says what to do.
"""

import asyncio
import json
import signal
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn

from bot import logs
from bot.settings import Settings, SettingsError, load

app = typer.Typer(
    help="PICA companion: an empathetic companion on Telegram.\n\n"
    "Start with `pica demo` (no token, no server, no GPU), then `pica serve`.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
console = Console(stderr=True)


def main() -> None:
    """Run the command."""
    app()


@app.command()
def serve() -> None:
    """Run the bot against Telegram.

    Needs PICA_TELEGRAM_TOKEN (from @BotFather) and PICA_MODEL with PICA_PREFIX, for
    example THUDM/chatglm2-6b and NEUDM/PICA-V1. The other settings are in .env.example.
    """
    with _errors():
        settings = load()
        logs.configure(settings.log_level)
        if settings.telegram_token is None:
            _stop("PICA_TELEGRAM_TOKEN is not set. Ask @BotFather for a token, or run `pica demo`.")
        if settings.model is None and not settings.allow_demo_model:
            _stop(
                "PICA_MODEL is not set, and the embedded demo model is not for people in need. "
                "Set PICA_MODEL=THUDM/chatglm2-6b and PICA_PREFIX=NEUDM/PICA-V1, or "
                "PICA_ALLOW_DEMO_MODEL=1 to try the service with the demo model."
            )
        asyncio.run(_serve(settings))


async def _serve(settings: Settings) -> None:
    from bot.app import Service, load_model

    with _progress("Loading the model") as progress:
        worker = await load_model(settings, progress)
    service = Service(settings, worker)
    try:
        async with _until_signal() as stopped:
            await service.start()
            console.print("PICA is ready. Ctrl-C ends it.")
            running = asyncio.create_task(service.run())
            waiting = asyncio.create_task(stopped.wait())
            await asyncio.wait({running, waiting}, return_when=asyncio.FIRST_COMPLETED)
            if running.done():
                running.result()
            running.cancel()
            waiting.cancel()
    finally:
        await service.aclose()
        await worker.aclose()


@app.command()
def demo(
    say: Annotated[
        list[str] | None, typer.Option(help="Say this as a Telegram user, print the reply, end.")
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="With --say: a JSON line a reply.")
    ] = False,
    port: Annotated[int, typer.Option(help="Port of the web chat; 0 takes a free one.")] = 8081,
) -> None:
    """Try the whole service on this machine: no token, no server, no GPU, no download.

    Opens a web chat on 127.0.0.1, where you talk as one or several Telegram users and see
    the operators' group beside it. With --say it answers in the terminal and ends.
    """
    logs.configure("warning")
    with _errors():
        if say:
            asyncio.run(_say(say, as_json))
        else:
            asyncio.run(_demo(port))


async def _say(words: list[str], as_json: bool) -> None:
    from bot.demo import say

    with console.status("Starting…"):
        replies = say(words)
        first = await anext(replies)
    _print_reply(first, as_json)
    async for reply in replies:
        _print_reply(reply, as_json)


def _print_reply(reply: dict[str, Any], as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(reply, ensure_ascii=False))
    else:
        typer.echo(f"> {reply['say']}\n{reply['reply']}\n")


async def _demo(port: int) -> None:
    from bot.demo import running

    async with _until_signal() as stopped:
        with _progress("Loading the demo model") as progress:
            started = running(port=port, progress=progress)
            sandbox, _service = await started.__aenter__()
        try:
            typer.echo(f"PICA is ready: open {sandbox.web_url} (Ctrl-C ends it)")
            await stopped.wait()
        finally:
            await started.__aexit__(None, None, None)
    console.print("Ended; nothing was kept.")


@app.command()
def generate(
    model: Annotated[str, typer.Option(help="A ChatGLM2 or GLM folder, or a hub repository.")],
    prefix: Annotated[str | None, typer.Option(help="A P-Tuning v2 or PEFT prefix.")] = None,
    greedy: Annotated[bool, typer.Option(help="Always the likeliest token.")] = False,
    max_new_tokens: Annotated[int, typer.Option(min=1)] = 512,
) -> None:
    """Answer JSON lines {"query": …, "history": [[q, a], …]} from standard input, in order.

    Writes {"text": …, "ids": […], "prompt_ids": […]} for each; the words are encoded verbatim.
    """
    from inference import ModelSource
    from inference.generate import generate_lines

    with _errors(), _progress("Loading the model") as progress:
        source = ModelSource(model=model, prefix=prefix)
        for line in generate_lines(
            source, sys.stdin, greedy=greedy, max_new_tokens=max_new_tokens, progress=progress
        ):
            typer.echo(json.dumps(line, ensure_ascii=False))


@app.command()
def screen() -> None:
    """Screen JSON lines {"text": …} from standard input for risk, in order.

    Writes {"level": 0-4, "categories": […], "matches": […]} for each.
    """
    from safety.screen import Screener

    screener = Screener.load()
    for number, line in enumerate(sys.stdin, 1):
        if not line.strip():
            continue
        try:
            text = json.loads(line)["text"]
            if not isinstance(text, str):
                raise TypeError
        except (ValueError, KeyError, TypeError):
            _stop(f'line {number}: expected {{"text": "…"}}')
        typer.echo(json.dumps(screener.screen(text).to_dict(), ensure_ascii=False))


@app.command()
def trace(
    chat: Annotated[int, typer.Argument(help="The Telegram id of the private chat.")],
    as_json: Annotated[bool, typer.Option("--json", help="A JSON line a message.")] = False,
) -> None:
    """Print where each message of a chat is and how it ended, without its words."""
    with _errors():
        hops = asyncio.run(_trace(load(), chat))
    if not hops and not as_json:
        console.print("No message of this chat is known.")
    for hop in hops:
        if as_json:
            typer.echo(json.dumps(hop))
            continue
        ended = f"{hop['ended_as']} ({hop['reason']})" if hop["reason"] else hop["ended_as"]
        sent = "; ".join(
            f"{out['kind']} {out['state']} [{', '.join(out['parts'])}]" for out in hop["sent"]
        )
        typer.echo(
            f"{hop['received_at']}  update {hop['update_id']}  {hop['kind']}  "
            f"level {hop['level']}  {ended}  {sent or '-'}"
        )


async def _trace(settings: Settings, chat: int) -> list[dict[str, Any]]:
    from bot.trace import trace as read
    from storage import Database

    database = Database(settings.sql_url)
    try:
        await database.upgrade()
        return await read(database, chat)
    finally:
        await database.aclose()


@contextmanager
def _errors() -> Iterator[None]:
    """Turn the errors that a person can mend into one line."""
    from telegram.error import InvalidToken, TelegramError

    from storage import StorageError

    try:
        yield
    except (SettingsError, StorageError, OSError) as error:
        _stop(str(error))
    except InvalidToken:
        _stop("Telegram refuses the token. Check PICA_TELEGRAM_TOKEN with @BotFather.")
    except TelegramError as error:
        _stop(f"Telegram cannot be reached ({type(error).__name__}). Check PICA_TELEGRAM_API_URL.")
    except ValueError as error:  # checkpoint, prefix and line errors say what to do themselves
        _stop(str(error))
    except KeyboardInterrupt:
        raise typer.Exit(130) from None


def _stop(message: str) -> None:
    console.print(message, style="bold red", highlight=False, markup=False)
    raise typer.Exit(1)


@contextmanager
def _progress(title: str) -> Iterator[Callable[[int, int], None]]:
    with Progress(
        TextColumn(title), BarColumn(), DownloadColumn(), console=console, transient=True
    ) as bar:
        task = bar.add_task(title, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


@asynccontextmanager
async def _until_signal() -> AsyncIterator[asyncio.Event]:
    """An event that Ctrl-C or a container's stop sets."""
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(name, stopped.set)
    try:
        yield stopped
    finally:
        for name in (signal.SIGINT, signal.SIGTERM):
            with suppress(NotImplementedError):
                loop.remove_signal_handler(name)


if __name__ == "__main__":
    main()
