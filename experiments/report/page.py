# SPDX-License-Identifier: Apache-2.0
"""Puts the ledger together: one Markdown file with its pictures beside it, and one HTML file that holds everything."""

from __future__ import annotations

import base64
import os
import re
from pathlib import Path

import markdown

from experiments.report import pictures, wording
from experiments.report.compare import entries, judge
from experiments.report.published import Claim, Line
from experiments.report.runs import Run
from experiments.report.settings import DATA, representatives

STYLE = (Path(__file__).parent / "page.css").read_text(encoding="utf-8")


def write(
    lines: list[Line], claims: list[Claim], runs: list[Run], expected: dict[str, dict], text_file: Path, html_file: Path
) -> list[Path]:
    """Writes both pages and gives their paths; pictures go into images/ beside the Markdown file.

    expected: {data: {configuration: what it comes to}}. The two kinds of data never share a table or a picture.
    """
    text, images = wording.HEAD, text_file.parent / "images"
    for folder in (images, html_file.parent):
        folder.mkdir(parents=True, exist_ok=True)
    for data in DATA[::-1] if any(run.data == "stand-in" for run in runs) else DATA:
        same = representatives(expected[data])
        table = entries(lines, [run for run in runs if run.data == data], expected[data], same)
        text += wording.section(data, table)
        if any(entry.runs for entry in table):
            text += "\n" + wording.orderings(judge(claims, table), table) + "\n" + wording.offsets(table)
            text += "\n" + _draw(table, data, images)
        text += "\n"
    _replace(text_file, text)
    _replace(html_file, to_html(text, text_file.parent))
    return [text_file, html_file]


def to_html(text: str, folder: Path) -> str:
    """The Markdown as one page that needs no other file: pictures, relative to `folder`, are inside it.

    Links to files that lie beside the Markdown become plain words.
    """
    body = markdown.markdown(text, extensions=["tables"])
    body = body.replace("<table>", '<div class="wide"><table>').replace("</table>", "</table></div>")

    body = re.sub(r'<a href="(?!https?:)[^"]*">(.*?)</a>', r"\1", body)

    def inline(match):
        content = base64.b64encode((folder / match[1]).read_bytes()).decode()
        return f'src="data:image/png;base64,{content}"'

    body = re.sub(r'src="([^"]+\.png)"', inline, body)
    title = re.search(r"<h1>(.*?)</h1>", body)[1]
    return (
        f'<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>{title}</title>\n'
        f'<meta name="viewport" content="width=device-width">\n<style>\n{STYLE}</style>\n</head>\n<body>\n{body}\n'
        "</body>\n</html>\n"
    )


def _draw(table, data: str, images: Path) -> str:
    drawn = (
        ("miou", "mIoU of every line", pictures.draw_miou),
        ("loss", "Training loss", pictures.draw_losses),
        ("classes", "IoU by class, mean over seeds", pictures.draw_classes),
    )
    text = ""
    for name, title, draw in drawn:
        file = f"report_{data.replace('-', '')}_{name}.png"
        new = images / f".{file}"
        draw(table, new)
        os.replace(new, images / file)
        text += f"### {title}\n\n![{title}](images/{file})\n\n"
    return text


def _replace(path: Path, text: str) -> None:
    new = path.with_name(f".{path.name}")
    new.write_text(text, encoding="utf-8")
    os.replace(new, path)
