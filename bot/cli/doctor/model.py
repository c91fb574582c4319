"""Checks of the model: its files, its device and the memory it needs.

The checks look at files and devices only and do not load the model.
"""

import asyncio
from collections.abc import Iterable
from pathlib import Path

from bot.cli.doctor.findings import Finding, bad, good, warning
from bot.settings import Settings
from inference import CheckpointError, Identity, find_local, identify, model_faults, prefix_faults

# The model needs this many times the memory of its weights.
ROOM = 1.3
# Weights in 8 bits relative to 16 bits. Embedding and output layer keep 16.
SMALLER = {"cuda": 0.55, "cpu": 0.63}


async def check_model(settings: Settings) -> list[Finding]:
    """Check that model and prefix are set, complete and fit each other."""
    return await asyncio.to_thread(_check_model, settings)


def _check_model(settings: Settings) -> list[Finding]:
    if settings.model is None:
        if settings.allow_demo_model:
            to_do = "Set PICA_MODEL and PICA_PREFIX before people in need use it."
            return [warning("model", "the demo model is served", to_do)]
        to_do = "Set PICA_MODEL=THUDM/chatglm2-6b and PICA_PREFIX=NEUDM/PICA-V1."
        return [bad("model", "PICA_MODEL is not set", to_do)]
    model, findings = _look_at("model", settings.model)
    if model is not None:
        faults = model_faults(model)
        findings += _faulty("model", faults, settings.model) or [_sound("model", model)]
    return [*findings, *_check_prefix(settings.prefix, model)]


def _check_prefix(where: str | None, model: Identity | None) -> list[Finding]:
    inside = model is not None and model.prefix_tensor is not None
    if where is None:
        if inside:
            return [good("prefix", "the one inside the model is used")]
        to_do = "Set PICA_PREFIX=NEUDM/PICA-V1. Without it this is the plain model."
        return [warning("prefix", "PICA_PREFIX is not set", to_do)]
    prefix, findings = _look_at("prefix", where)
    if prefix is not None:
        usable = model is not None and model.layout is not None
        faults = prefix_faults(prefix, model if usable else None)
        findings += _faulty("prefix", faults, where) or [_sound("prefix", prefix)]
    return findings


def _look_at(name: str, where: str) -> tuple[Identity | None, list[Finding]]:
    """Return what lies here under a folder's or the hub's name, and what is to be said else."""
    try:
        folder = find_local(where)
    except CheckpointError as error:
        return None, _faulty(name, [str(error)], "")
    if folder is None:
        return None, [good(name, f"{where}, from the hub (downloaded at the first start)")]
    return identify(folder), []


def _faulty(name: str, faults: Iterable[str], where: str) -> list[Finding]:
    """Return a finding for each fault, whose last sentence says what to do.

    What the hub's cache lacks, the next start fetches.
    """
    parts = [fault.rpartition(". ") for fault in faults]
    if where and not Path(where).expanduser().exists():
        again = "The next start asks the hub for it. If it says the same: "
        return [warning(name, what, again + to_do) for what, _, to_do in parts]
    return [bad(name, what, to_do) for what, _, to_do in parts]


def _sound(name: str, known: Identity) -> Finding:
    return good(name, f"{known.folder}: {known.name} ({known.nbytes / 1e9:.1f} GB)")


async def check_device(settings: Settings) -> list[Finding]:
    """Check that the device exists and has enough memory for the local weights."""
    return await asyncio.to_thread(_check_device, settings)


def _check_device(settings: Settings) -> list[Finding]:
    from inference.loading.machine import describe_device, usable_cpus

    try:
        device = describe_device(settings.device)
    except ValueError as error:
        return [bad("device", str(error), "Set PICA_DEVICE to auto, cpu or cuda.")]
    text = f"{device.name}, {device.free_bytes / 1e9:.0f} GB free"
    model = _look_at("model", settings.model)[0] if settings.model else None
    needed = 2.0 * model.parameters if model is not None else 0  # 16 bits
    if settings.weights == "int8":
        needed *= SMALLER[device.kind]
    elif device.kind == "cpu":
        needed *= 2  # float32
    if needed * ROOM > device.free_bytes:
        to_do = f"About {needed * ROOM / 1e9:.0f} GB are needed. Free memory or change the device."
        return [bad("memory", text, to_do)]
    if device.kind == "cpu" and settings.model is not None:
        to_do = "Use a CUDA device. A 6B model on a CPU takes minutes for a reply."
        return [warning("device", f"{text}, {usable_cpus()} cores", to_do)]
    return [good("device", text)]


async def check_serving(settings: Settings) -> list[Finding]:
    """Say how many requests the model serves, and check that its weights can be loaded."""
    return await asyncio.to_thread(_check_serving, settings)


def _check_serving(settings: Settings) -> list[Finding]:
    from inference import ModelError, ModelSource
    from inference.engine.scheduler import KEPT_FREE
    from inference.loading import quantization

    findings = []
    if settings.weights == "int8":
        try:
            quantization.check()
        except ModelError as error:
            findings.append(bad("weights", str(error), "Install it, or set PICA_WEIGHTS=full."))
        else:
            findings.append(good("weights", "8 bits: less memory, but slower"))
    threads = ModelSource(threads=settings.threads).serving_threads
    kept = (
        "a quarter of what is free"
        if settings.resident_mib is None
        else (f"{settings.resident_mib} MiB")
    )
    text = (
        f"{settings.max_running} replies at once, {settings.max_waiting} may wait "
        f"({settings.max_waiting // KEPT_FREE} of the places for people at risk); {threads} "
        f"threads; {kept} and {settings.host_mib} MiB of the machine for conversations"
    )
    return [*findings, good("serving", text)]
