"""`pica tune`: a prefix of one's own from talks."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event
from types import FrameType
from typing import TYPE_CHECKING, Annotated

import typer
from rich.progress import (
    BarColumn,
    Progress,
    TaskID,
    TaskProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)

from bot.cli.terminal import console, errors

if TYPE_CHECKING:
    from training.tune.settings import TuningSettings

_Count = Annotated[int, typer.Option(min=1)]
_Talks = Annotated[Path, typer.Argument(help="JSON lines of talks, in UTF-8.")]
_Base = Annotated[str, typer.Option(help="The base: a ChatGLM or GLM folder, or a hub name.")]
_Out = Annotated[Path, typer.Option(help="The folder to write the prefix to.")]
_Init = Annotated[str | None, typer.Option(help="Continue from this prefix.")]
_Length = Annotated[int | None, typer.Option(min=1, help="Virtual tokens.", show_default="128")]
_Projection = Annotated[bool, typer.Option("--projection", help="Train through two layers.")]
_Longest = Annotated[
    int | None, typer.Option(min=2, help="Tokens of prompt and answer.", show_default="1024")
]
_Rate = Annotated[
    float | None, typer.Option(help="Learning rate.", show_default="0.01; projected 0.002")
]
_Schedule = Annotated[str, typer.Option(help="constant, or linear down to 0.")]
_Dropout = Annotated[float, typer.Option(help="Of the prefix's keys and values.")]
_Clip = Annotated[float, typer.Option(help="Largest norm of a gradient; 0: any.")]
_Order = Annotated[str, typer.Option(help="file, or shuffled.")]
_Dtype = Annotated[str, typer.Option(help="float32, bfloat16, or auto: bfloat16 on a GPU.")]
_OneDevice = Annotated[str, typer.Option(help="auto, cpu or cuda:N.")]
_Seed = Annotated[int, typer.Option(min=0)]
_Resume = Annotated[bool, typer.Option("--resume", help="Go on with the run in the folder.")]
_Report = Annotated[Path | None, typer.Option(help="Write a JSON line a step: step and loss.")]
_Licence = Annotated[str, typer.Option(help="Of the data, for the model card.")]


def tune(
    data: _Talks,
    model: _Base,
    out: _Out,
    init: _Init = None,
    length: _Length = None,
    projection: _Projection = False,
    longest: _Longest = None,
    steps: _Count = 3000,
    batch: _Count = 1,
    accumulate: _Count = 16,
    rate: _Rate = None,
    schedule: _Schedule = "linear",
    dropout: _Dropout = 0.1,
    clip: _Clip = 1.0,
    order: _Order = "shuffled",
    dtype: _Dtype = "auto",
    device: _OneDevice = "auto",
    seed: _Seed = 42,
    resume: _Resume = False,
    report: _Report = None,
    licence: _Licence = "not stated",
) -> None:
    """Tune a prefix on JSON lines {"prompt": …, "history": …, "response": …}.

    The history is optional: a list of pairs, question and answer, oldest first.

    P-Tuning v2: the base stays as it is. Old rounds leave from the front of a talk that is too
    long. Nothing is cut on the right. Ctrl-C stops after the step, and --resume goes on from there
    to the very same prefix.
    """
    with errors():
        from training.tune.settings import TuningSettings

        settings = TuningSettings(
            data=data,
            model=model,
            out=out,
            init=init,
            length=length,
            has_projection=projection,
            longest=longest,
            steps=steps,
            batch=batch,
            accumulate=accumulate,
            rate=rate,
            schedule=schedule,
            dropout=dropout,
            clip=clip,
            order=order,
            dtype=dtype,
            device=device,
            seed=seed,
            licence=licence,
        )
        _run(settings, resume, report)


def _run(settings: "TuningSettings", is_resumed: bool, report: Path | None) -> None:
    from training.tune.run import tune as run

    with _stop_on_signal() as stopped, _StepBar() as bar:
        result = run(
            settings,
            is_resumed=is_resumed,
            report=report,
            loading=bar.show_loading,
            progress=bar.show_step,
            is_asked_to_stop=stopped,
        )
    left_out = result.data.refused
    if left_out:
        console.print(f"{left_out} samples were too long and left out.", highlight=False)
    if not result.is_finished:
        console.print(
            f"Stopped after step {len(result.losses)} of {settings.steps}. Go on with --resume.",
            highlight=False,
        )
        raise typer.Exit(130)
    console.print(
        f"{settings.out} is ready, its last loss {result.losses[-1]:.3f}. Try it: pica generate "
        f"--model {settings.model} --prefix {settings.out}",
        highlight=False,
        markup=False,
        soft_wrap=True,
    )


class _StepBar:
    """One bar: first the bytes of the model, then the steps with their loss and the time left."""

    def __init__(self) -> None:
        self._bar = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            TaskProgressColumn(),
            TimeRemainingColumn(),
            console=console,
            transient=True,
        )
        self._loading: TaskID | None = None
        self._steps: TaskID | None = None

    def __enter__(self) -> "_StepBar":
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def show_loading(self, done: int, total: int) -> None:
        if self._loading is None:
            self._loading = self._bar.add_task("Loading the model", total=total)
        self._bar.update(self._loading, completed=done, visible=done < total)

    def show_step(self, step: int, steps: int, loss: float) -> None:
        if self._steps is None:  # a run that goes on does not begin at 0
            self._steps = self._bar.add_task("Tuning", total=steps, completed=step - 1)
        text = f"Step {step} of {steps}, loss {loss:.3f}"
        self._bar.update(self._steps, completed=step, description=text)


@contextmanager
def _stop_on_signal() -> Iterator[Callable[[], bool]]:
    """Yield what says whether SIGINT or SIGTERM came; a second one ends the program at once."""
    asked = Event()

    def note(_number: int, _frame: FrameType | None) -> None:
        if asked.is_set():
            raise KeyboardInterrupt
        asked.set()

    before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield asked.is_set
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
