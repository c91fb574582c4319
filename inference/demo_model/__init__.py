"""The embedded demo checkpoint and its prefix."""

from pathlib import Path

NAME = "pica-demo"
CHECKPOINT = Path(__file__).parent / "chatglm2"
PREFIX = Path(__file__).parent / "prefix"
