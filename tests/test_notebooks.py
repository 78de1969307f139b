# SPDX-License-Identifier: Apache-2.0
"""The notebooks are stored executed, run again on the samples with the same text, and run on a fresh run."""

from __future__ import annotations

import builtins
import json
from pathlib import Path

import matplotlib.pyplot as plt
import pytest

FOLDER = Path(__file__).parents[1] / "notebooks"
NAMES = ("feature_map", "offset", "training_loss", "weight")  # of DeepLab's runs
SYSTEMS = "systems"
RUNS = ("quick_digits", "quick_rfcn", "quick_v2_lsdfn", "quick_flow", "quick_tracker", "quick_v3plus")
SAMPLE_LINE = 'OUTPUT = "sample"'


def cells_of(name: str) -> list[dict]:
    cells = json.loads((FOLDER / f"{name}.ipynb").read_text(encoding="utf-8"))["cells"]
    return [cell for cell in cells if cell["cell_type"] == "code"]


def texts(cells) -> list[str]:
    """What each cell printed."""
    printed = [[out for out in cell["outputs"] if out.get("name") == "stdout"] for cell in cells]
    return ["".join("".join(out["text"]) for out in outputs) for outputs in printed]


def pictures(cells) -> int:
    return sum("image/" in kind for cell in cells for out in cell["outputs"] for kind in out.get("data", {}))


def run_cells(name: str, output: Path, monkeypatch) -> dict:
    """Runs its cells one after the other, without a kernel, on an output folder; gives their names."""
    monkeypatch.chdir(FOLDER)
    plt.switch_backend("Agg")
    first, *others = ["".join(cell["source"]) for cell in cells_of(name)]
    names = {"__builtins__": builtins}
    for source in [first.replace(SAMPLE_LINE, f"OUTPUT = {str(output)!r}"), *others]:
        exec(compile(source, f"{name}.ipynb", "exec"), names)
    assert names["OUTPUT"] == str(output)
    return names


def test_notebooks_are_stored_executed_and_small():
    assert sorted(path.stem for path in FOLDER.glob("*.ipynb")) == sorted([*NAMES, SYSTEMS])
    for name in (*NAMES, SYSTEMS):
        cells = cells_of(name)
        assert [cell["execution_count"] for cell in cells] == list(range(1, len(cells) + 1)), name
        assert all(out["output_type"] != "error" for cell in cells for out in cell["outputs"]), name
        assert pictures(cells) > 0 and (FOLDER / f"{name}.ipynb").stat().st_size < 900_000, name
        assert cells[0]["source"][0].startswith(SAMPLE_LINE), name
    assert sum(path.stat().st_size for path in (FOLDER / "sample").rglob("*") if path.is_file()) < 2_600_000


@pytest.mark.parametrize("name", [*NAMES, SYSTEMS])
def test_notebook_gives_again_what_is_stored(name):
    """To store them anew: jupyter nbconvert --execute --inplace notebooks/*.ipynb"""
    nbformat = pytest.importorskip("nbformat", reason="needs nbformat: pip install .[notebooks]")
    nbclient = pytest.importorskip("nbclient", reason="needs nbclient: pip install .[notebooks]")
    pytest.importorskip("ipykernel", reason="needs ipykernel: pip install .[notebooks]")
    notebook = nbformat.read(FOLDER / f"{name}.ipynb", as_version=4)
    stored = cells_of(name)
    client = nbclient.NotebookClient(
        notebook, timeout=300, kernel_name="python3", resources={"metadata": {"path": FOLDER}}
    )
    client.execute()
    now = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert texts(now) == texts(stored)
    assert pictures(now) == pictures(stored)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("run", ["quick_acn", "quick_dcn"])
def test_notebook_runs_on_a_fresh_run(name, run, trained, tmp_path, monkeypatch):
    """Its cells one after the other, without a kernel, on an output folder with that run alone."""
    pytest.importorskip("IPython", reason="needs IPython: pip install .[notebooks]")
    (tmp_path / run).symlink_to(trained / "output" / "streets" / run)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    run_cells(name, tmp_path, monkeypatch)
    plt.close("all")


def test_every_system_shows_its_run_or_says_what_makes_it(tmp_path, monkeypatch, capsys):
    pytest.importorskip("IPython", reason="needs IPython: pip install .[notebooks]")
    stored = "".join(texts(cells_of(SYSTEMS)))
    assert [line.split(":")[0] for line in stored.splitlines()] == list(RUNS)
    plt.close("all")
    run_cells(SYSTEMS, tmp_path, monkeypatch)
    said = capsys.readouterr().out.splitlines()
    assert said == [f"no tested run {name} in {tmp_path}: ./train.sh {name} makes one" for name in RUNS]
    assert not plt.get_fignums()
