"""What a device is and how much memory it has free.

Knows nothing of models.
"""

from __future__ import annotations

from dataclasses import dataclass

from inference.loading.machine import free_memory


@dataclass(frozen=True, slots=True)
class Device:
    """A place where a model can run.

    Attributes:
        kind: ``cpu`` or ``cuda``.
        name: For people, such as ``NVIDIA H100``.
        free_bytes: Memory that is free now; on a CPU what this process's control groups allow.
    """

    kind: str
    name: str
    free_bytes: int


def describe(device: str) -> Device:
    """Says what ``auto``, ``cpu``, ``cuda`` (all GPUs) or ``cuda:N`` means on this machine.

    Raises:
        ValueError: There is no such device here.
    """
    import torch

    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    if device == "cpu":
        return Device("cpu", "CPU", free_memory())
    if not device.startswith("cuda"):
        raise ValueError(f"{device} is no device that this program knows")
    if not torch.cuda.is_available():
        raise ValueError("torch finds no CUDA device: is the driver loaded, is torch a CUDA build?")
    count, number = torch.cuda.device_count(), device.partition(":")[2]
    if int(number or 0) >= count:
        raise ValueError(f"there are only {count} CUDA devices")
    chosen = [int(number)] if number else range(count)
    free = sum(torch.cuda.mem_get_info(each)[0] for each in chosen)
    name = torch.cuda.get_device_name(chosen[0])
    return Device("cuda", f"{len(chosen)} GPUs, {name}" if len(chosen) > 1 else name, free)
