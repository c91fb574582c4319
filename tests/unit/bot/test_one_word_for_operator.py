"""An operator has one Chinese word in all that people read."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[3]
OTHERS = re.compile("工作人员|值班员|值班的人|值班人员|值守员|值守者|审核员|审阅员|审阅人|操作员")


def test_operators_have_one_chinese_word() -> None:
    files = [ROOT / "README.zh-CN.md"]
    for folder in ("bot", "console", "review", "sandbox", "docs"):
        for kind in ("*.yaml", "*.md", "*.html", "*.js"):
            files += (ROOT / folder).rglob(kind)
    assert len(files) > 60
    found = {
        (file.name, word) for file in files for word in OTHERS.findall(file.read_text("utf-8"))
    }
    assert found == set()
