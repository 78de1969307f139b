# SPDX-License-Identifier: Apache-2.0
"""The report as aligned plain text."""

from __future__ import annotations

from benchmarks.operators.engines import ENGINES
from benchmarks.operators.figures import BUSY_LIMIT
from benchmarks.operators.suites import GROUPS_GOAL
from benchmarks.operators.workers import thread_settings

_COLUMNS = ("engine", "median s", "min s", "ratio", "ratio min", "cores", "extra MiB", "counted", "busy", "note")


def heading(report: dict) -> str:
    machine, settings = report["machine"], report["settings"]
    threads = " or ".join(map(str, settings["threads"]))
    rule = "counted all the same" if settings["allow_busy"] else "not counted"
    lines = [
        f"{machine['processor']}, {machine['usable_cores']} of {machine['cores']} cores, {machine['memory_gib']} GiB, "
        f"{machine['system']}",
        f"active-convnets {machine['active_convnets']}, commit {machine['commit']}, "
        f"compiled library {machine['library_sha256']}, Python {machine['python']}",
        f"threads: {' = '.join(thread_settings(1))} = {threads}, set before anything loads",
        f"rounds: {settings['rounds']}, each measurement at least {settings['seconds']:g} s; those in which other "
        f"processes used more than {BUSY_LIMIT} core are {rule}; load average {_load(report['load_before'])}",
        "extra MiB: how far the first call raises the peak resident memory of a fresh process, output and gradients "
        "included"
        if settings["memory"]
        else "memory: not measured",
        *(f"{name} = {value}" for name, value in machine["environment"].items()),
        "engines:",
        *(f"  {name}: {ENGINES[name][1]}" for name in settings["engines"]),
    ]
    return "\n".join(lines) + "\n"


def case_table(result: dict) -> str:
    """One case: a line that says what it is and a row for each engine."""
    case, threads = result["case"], result["threads"]
    rows = [_row(name, entry) for name, entry in result["engines"].items()]
    title = f"{case['title']}, {threads} thread{'s' if threads > 1 else ''}: {_details(case)}"
    if "result_mib" in result:
        title += f"; output{' and gradients' if case['training'] else ''} {result['result_mib']} MiB"
    return "\n".join([title, *_aligned([_COLUMNS, *rows]), *_failures(result["engines"])]) + "\n"


def summary(report: dict) -> str:
    """Every case in one line, then the goals; seconds are medians, ratios those of medians."""
    results, engines = report["results"], report["settings"]["engines"]
    rows = [("case", "threads", *engines)]
    for result in results:
        cells = [_cell(result["engines"].get(engine, {})) for engine in engines]
        rows.append((result["case"]["title"], str(result["threads"]), *cells))
    lines = ["median seconds (ratio to the yardstick)", *_aligned(rows), *_goals(results)]
    lines += [
        f"{engine}: {', '.join(f'{k} {v}' for k, v in found.items())}" for engine, found in report["versions"].items()
    ]
    return "\n".join(
        [*lines, f"load average {_load(report['load_before'])} before, {_load(report['load_after'])} after"]
    )


def _details(case: dict) -> str:
    if case["kind"] == "StepCase":
        return " ".join([case["config"], *case["overrides"]]) + f", offsets std {case['offset_std']:g}"
    data = "x".join(map(str, case["inputs"]["data"]))
    attributes = ", ".join(f"{key}={_short(value)}" for key, value in case["attributes"].items())
    return f"{case['operator']} {data} {case['dtype']}, {attributes}, offsets std {case['offset_std']:g}"


def _row(name: str, entry: dict) -> tuple:
    memory = entry.get("memory")
    extra = "-" if memory is None else ("" if memory["exact"] else "<= ") + f"{memory['mib']:.1f}"
    return (
        name,
        _number(entry, "median", "#.4g"),
        _number(entry, "min", "#.4g"),
        _number(entry, "ratio_median", ".3f"),
        _number(entry, "ratio_min", ".3f"),
        _number(entry, "cores", ".2f"),
        extra,
        str(entry.get("counted", "-")),
        str(entry.get("busy", "-")),
        _note(entry),
    )


def _note(entry: dict) -> str:
    if entry["status"] == "failed":
        return "FAILED, see below"
    return entry["note"] if entry["status"] == "measured" else f"{entry['status']}: {entry['reason']}"


def _failures(entries: dict) -> list:
    return [f"  FAILED: {entry['reason']}" for entry in entries.values() if entry["status"] == "failed"]


def _goals(results: list) -> list:
    """What was aimed at and what was reached, where both are known."""
    medians = {
        (result["threads"], result["case"]["title"], engine): entry["median"]
        for result in results
        for engine, entry in result["engines"].items()
        if "median" in entry
    }
    rows = []
    for result in results:
        case = result["case"]
        for engine in ("numpy", "mxnet"):
            entry = result["engines"].get(engine, {})
            who = (f"{case['title']}, {result['threads']} thread(s)", engine)
            if engine in case["goals"] and "ratio_median" in entry:
                rows.append((*who, entry["ratio_median"], case["goals"][engine], f"times {case['yardstick']}"))
            single = medians.get((result["threads"], case.get("ungrouped"), engine))
            if single and "median" in entry:
                rows.append((*who, entry["median"] / single, GROUPS_GOAL, f"times {case['ungrouped']}"))
            if case.get("memory_goal") and "memory" in entry:
                beyond = entry["memory"]["mib"] - result["result_mib"]
                rows.append((*who, beyond, case["memory_goal"], "MiB beyond output and gradients"))
    if not rows:
        return [""]
    texts = [
        (title, engine, f"{reached:.3f}", f"<= {goal:.2f}", what, "reached" if reached <= goal else "MISSED")
        for title, engine, reached, goal, what in rows
    ]
    return ["", "goals (ratios are of medians)", *_aligned(texts), ""]


def _aligned(rows: list) -> list:
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]) - 1)]
    return [
        "  " + "  ".join([*(cell.ljust(width) for cell, width in zip(row, widths)), row[-1]]).rstrip() for row in rows
    ]


def _cell(entry: dict) -> str:
    if "median" not in entry:
        return entry.get("status", "-")
    ratio = f" ({entry['ratio_median']:.3f})" if "ratio_median" in entry else ""
    return f"{entry['median']:#.4g}{ratio}"


def _number(entry: dict, key: str, form: str) -> str:
    return format(entry[key], form) if key in entry else "-"


def _short(value) -> str:
    return "x".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)


def _load(values: list) -> str:
    return " ".join(map(str, values))
