"""`pica serve` and `pica demo`: the service with Telegram, and on this machine alone."""

import asyncio
from typing import TYPE_CHECKING, Annotated, Any

import structlog
import typer
import uvloop

from bot import logs
from bot.cli.terminal import console, errors, in_utf8, print_json, progress, until_signal
from bot.settings import Settings, load, unknown_variables

if TYPE_CHECKING:
    from inference import InferenceWorker

log = structlog.get_logger(__name__)


def serve() -> None:
    """Run the bot against Telegram.

    Needs PICA_TELEGRAM_TOKEN (from @BotFather), PICA_SECRET_KEY (from `pica key new`) and
    PICA_MODEL with PICA_PREFIX, for example THUDM/chatglm2-6b and NEUDM/PICA-V1.

    Limits of the model: PICA_MAX_RUNNING replies at once, PICA_MAX_WAITING requests in line,
    PICA_THREADS processors, PICA_RESIDENT_MIB and PICA_HOST_MIB for conversations between turns.
    PICA_WEIGHTS=int8 halves the memory of the weights, but rounds them and is slower.

    The other settings are in .env.example. `pica doctor` checks them all.
    """
    from bot.service.connections import service_faults

    with errors():
        settings = load(service_faults)
        logs.configure(settings.log_level)
        for name in unknown_variables():
            log.warning("setting_unknown", name=name)
        uvloop.run(_serve(settings))


async def _serve(settings: Settings) -> None:
    from bot.service.connections import load_model, preflight

    await preflight(settings)
    with progress("Loading the model") as report:
        worker = await load_model(settings, report)
    try:
        await _run(settings, worker)
    finally:
        await worker.aclose()


async def _run(settings: Settings, worker: "InferenceWorker") -> None:
    from bot.service.lifecycle import GRACE_S, Service

    service = Service(settings, worker)
    try:
        async with until_signal() as stopped:
            waiting = asyncio.create_task(stopped.wait())
            starting = asyncio.create_task(service.start())
            await asyncio.wait({starting, waiting}, return_when=asyncio.FIRST_COMPLETED)
            if waiting.done():
                starting.cancel()
                await asyncio.gather(starting, return_exceptions=True)
                return
            starting.result()
            console.print("PICA is ready. Ctrl-C ends it.")
            running = asyncio.create_task(service.run())
            await asyncio.wait({running, waiting}, return_when=asyncio.FIRST_COMPLETED)
            if running.done():
                running.result()
            running.cancel()
            waiting.cancel()
    finally:
        await service.aclose(grace_s=GRACE_S)


def demo(
    say: Annotated[
        list[str] | None,
        typer.Option(help="Send this as a Telegram user and print the reply.", callback=in_utf8),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="With --say: print one JSON line per reply.")
    ] = False,
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port of the web chat. 0 takes a free one.")
    ] = 8081,
) -> None:
    """Try the whole service on this machine: no token, no server, no GPU, no download.

    Opens a web chat on 127.0.0.1, where you talk as one or several Telegram users, with the
    operators' group beside it. It also prints a link to the operators' console. With --say it
    answers in the terminal and ends.
    """
    from bot.service.http_server import listen

    logs.configure("warning")
    from bot.service.connections import check_surroundings

    with errors():
        check_surroundings()
        if say:
            uvloop.run(_say(say, as_json))
        else:
            listen("127.0.0.1", port, source="--port").close()  # before the model is loaded
            uvloop.run(_demo(port))


async def _say(words: list[str], as_json: bool) -> None:
    from bot.cli.demo import say

    with console.status("Starting…"):
        replies = say(words)
        first = await anext(replies)
    _print_reply(first, as_json)
    async for reply in replies:
        _print_reply(reply, as_json)


def _print_reply(reply: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print_json(reply)
    else:
        typer.echo(f"> {reply['say']}\n{reply['reply']}\n")


async def _demo(port: int) -> None:
    from bot.cli.demo import console_link, running

    async with until_signal() as stopped:
        with progress("Loading the demo model") as report:
            started = running(port=port, progress=report)
            sandbox, service = await started.__aenter__()
        try:
            typer.echo(f"PICA is ready: open {sandbox.web_url} (Ctrl-C ends it)")
            typer.echo(f"Operators' side: {await console_link(sandbox, service)} (works once)")
            await stopped.wait()
        finally:
            await started.__aexit__(None, None, None)
    console.print("Ended. Nothing was kept.")
