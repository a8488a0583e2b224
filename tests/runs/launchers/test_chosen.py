"""Which launcher a sweep gets, and with which presets."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import yaml
from hydra.core.plugins import Plugins
from omegaconf import OmegaConf
from typed import REPOSITORY, type_in

from ddag.machine.errors import InputError
from ddag.runs.launchers import chosen

PRESETS = REPOSITORY / "conf" / "hydra" / "launcher"


@pytest.mark.parametrize("name", ["submitit_local", "submitit_slurm", "ray"])
def test_a_preset_here_stands_for_that_of_the_plugin(tmp_path: Path, name: str) -> None:
    words = ["--cfg", "hydra", "-p", "hydra.launcher", f"hydra/launcher={name}"]
    done = type_in(tmp_path, *words)
    said = yaml.safe_load("\n".join(done.stdout.splitlines()[1:]))
    assert said == yaml.safe_load((PRESETS / f"{name}.yaml").read_text())
    assert not done.stderr


def test_a_launcher_whose_package_is_missing_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def missing(_: str) -> None:
        raise ModuleNotFoundError("No module named 'submitit'", name="submitit")

    monkeypatch.setattr(chosen, "import_module", missing)
    preset = OmegaConf.load(PRESETS / "submitit_local.yaml")
    with pytest.raises(InputError, match=r"submitit is not installed; run pip install .*slurm"):
        chosen.stand_in(preset)


def test_another_launcher_is_left_to_its_plugin() -> None:
    known = dict(Plugins.instance().class_name_to_class)
    chosen.stand_in(OmegaConf.create({"_target_": "hydra_plugins.x.Launcher"}))
    assert Plugins.instance().class_name_to_class == known


@pytest.fixture
def slurm(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """submitit's executor for Slurm, on a machine that has ``srun``."""
    pytest.importorskip("submitit")
    module = import_module("ddag.runs.launchers.submitted")
    (tmp_path / "srun").touch(mode=0o755)
    monkeypatch.setenv("PATH", str(tmp_path))

    def build(**options: Any) -> str:
        params = OmegaConf.to_container(OmegaConf.load(PRESETS / "submitit_slurm.yaml"))
        params.pop("_target_")
        executor = module.slurm_executor({**params, **options}, tmp_path)
        return executor._executor._make_submission_file_text("command", "0")

    return build


def test_the_submission_to_slurm_says_what_the_preset_says(slurm: Any) -> None:
    said = slurm(partition="gpu", gpus_per_node=1, mem_gb=8, setup=["module load cuda"])
    options = {line.partition("--")[2] for line in said.splitlines() if line.startswith("#SBATCH")}
    wanted = {
        "time=1440", "signal=USR2@120", "cpus-per-task=1", "gpus-per-node=1", "mem=8GB",
        "partition=gpu", "job-name=ddag", "open-mode=append",
    }  # fmt: skip
    assert wanted <= options
    assert not any(option.startswith(("account", "qos", "gres")) for option in options)
    assert said.index("module load cuda") < said.index("srun")
