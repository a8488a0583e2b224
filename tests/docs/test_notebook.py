"""The notebook under ``docs/`` works as it stands."""

from __future__ import annotations

from pathlib import Path

import pytest

nbclient, nbformat = map(pytest.importorskip, ("nbclient", "nbformat"))  # of the extra dev

NOTEBOOK = Path(__file__).parents[2] / "docs" / "api.ipynb"


@pytest.mark.filterwarnings("ignore")  # of Jupyter's own parts
@pytest.mark.slow
def test_the_notebook_executes(tmp_path: Path) -> None:
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    place = {"metadata": {"path": str(tmp_path)}}
    run = nbclient.NotebookClient(notebook, timeout=300, kernel_name="python3", resources=place)
    run.execute()
    assert "array" in notebook.cells[-1].outputs[0]["data"]["text/plain"]
