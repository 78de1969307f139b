# SPDX-License-Identifier: Apache-2.0
"""Puts the ledger together: one Markdown file with its pictures beside it, and one HTML file that holds everything."""

from __future__ import annotations

import base64
import re
from pathlib import Path

import markdown

from experiments.ledger import pictures, wording
from experiments.ledger.book import Book, Data
from experiments.ledger.compare import entries, judge
from experiments.ledger.runs import Run
from experiments.ledger.settings import Expected
from lib.run.atomic import replacing

STYLE = (Path(__file__).parent / "page.css").read_text(encoding="utf-8")


def write(book: Book, runs: list[Run], expected: Expected, text_file: Path, html_file: Path) -> list[Path]:
    """Writes both pages and gives their paths; pictures go into images/ beside the Markdown file.

    The kinds of data never share a table or a picture; those with runs come first.
    """
    text = wording.head(book)
    for folder in (text_file.parent / "images", html_file.parent):
        folder.mkdir(parents=True, exist_ok=True)
    for data in sorted(book.data, key=lambda data: all(run.data != data.name for run in runs)):
        mine = [run for run in runs if run.data == data.name]
        every = entries(book, mine, expected[data.name], expected.representatives(data.name))
        table = [entry for entry in every if data.has(entry.line)]
        text += wording.section(book, data, table)
        if mine:
            parts = [wording.orderings(book, judge(book, table), table), wording.offsets(book, table)]
            text += "\n" + "\n".join(filter(None, parts))
        text += "\n" + _draw(book, data, table, f"{text_file.stem}_{data.name.replace('-', '')}", text_file.parent)
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


def _draw(book: Book, data: Data, table, stem: str, folder: Path) -> str:
    """Draws images/<stem>_*.png in `folder` and gives the text that shows them."""
    lines, runs = [entry.line for entry in table], any(entry.runs for entry in table)
    drawn = []
    if runs:
        drawn.append((book.metric.lower(), f"{book.metric} of every line", pictures.draw_values))
    if runs or data.comparable and any(line.curve for line in lines):
        drawn.append(("loss", "Training loss", pictures.draw_losses))
    if book.parts and (runs or data.comparable and any(line.parts for line in lines)):
        drawn.append((book.parts.name, book.parts.title, pictures.draw_parts))
    text = ""
    for name, title, draw in drawn:
        file = f"images/{stem}_{name}.png"
        with replacing(folder / file) as new:
            draw(book, table, new)
        text += f"### {title}\n\n![{title}]({file})\n\n"
    return text


def _replace(path: Path, text: str) -> None:
    with replacing(path) as new:
        new.write_text(text, encoding="utf-8")
