"""From Hydra's composed configuration to typed settings, and from a checkpoint's back to them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from typing import Any, cast

from hydra.conf import HydraConf
from hydra.core.config_store import ConfigStore
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from ddag.machine import run_folders
from ddag.machine.errors import InputError
from ddag.machine.processors import ALONE, Place, available
from ddag.settings.data import RegdbConfig, SysuConfig
from ddag.settings.jobs import (
    EvaluateConfig,
    ExportConfig,
    ExtractConfig,
    ImportConfig,
    JobConfig,
    ReportConfig,
    SearchConfig,
)
from ddag.settings.settings import Settings

MAX_FOLDER_NAME = 200  # file systems end at 255 bytes


def register() -> None:
    """Give Hydra the types of the groups; ``conf/`` builds on them by name."""
    OmegaConf.register_new_resolver("folder_name", folder_name, replace=True)
    # Cached: the folder that it chooses would change its choice.
    OmegaConf.register_new_resolver("run_folder", run_folders.choose, replace=True, use_cache=True)
    store = ConfigStore.instance()
    # Hydra copies its only store, with all that lies there, for each group that --help lists.
    store.__deepcopy__ = lambda memo: store  # type: ignore[attr-defined]
    store.store("settings", Settings)
    store.store("regdb_schema", RegdbConfig)
    store.store("sysu_schema", SysuConfig)
    store.store("job_schema", JobConfig)
    store.store("evaluate_schema", EvaluateConfig)
    store.store("extract_schema", ExtractConfig)
    store.store("search_schema", SearchConfig)
    store.store("import_schema", ImportConfig)
    store.store("export_schema", ExportConfig)
    store.store("report_schema", ReportConfig)


def folder_name(overrides: str) -> str:
    """The overrides of a job of a sweep as the name of one folder, cut off where it grows long."""
    return overrides.replace("/", "-")[:MAX_FOLDER_NAME]


def parse(composed: DictConfig) -> Settings:
    """The composed configuration as typed settings.

    Raises:
        InputError: an unknown key, a wrong type or a value that cannot work, named.
    """
    for key in _unknown(composed):
        raise InputError(f"{key}: no such setting; see python run.py --cfg job for those there are")
    try:
        settings = OmegaConf.to_object(composed)
    except OmegaConfBaseException as error:
        raise InputError(f"{error.full_key or 'settings'}: {str(error).splitlines()[0]}") from error
    assert isinstance(settings, Settings)
    return settings


def to_plain(settings: Settings) -> dict[str, Any]:
    """Settings as nested plain values, for JSON."""
    plain = OmegaConf.to_container(OmegaConf.structured(settings), enum_to_str=True)
    assert isinstance(plain, dict)
    return {str(key): value for key, value in plain.items()}


def dotted(nested: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested values by dotted key, as in ``model.part``."""
    flat: dict[str, Any] = {}
    for key, value in nested.items():
        if isinstance(value, Mapping):
            flat.update(dotted(value, f"{prefix}{key}."))
        else:
            flat[f"{prefix}{key}"] = value
    return flat


def restore(stored: Mapping[str, Any], settings: Settings, given: Sequence[str]) -> Settings:
    """Settings with data set, image size and network as ``stored`` in a checkpoint.

    Args:
        stored: what ``to_plain`` gave when the checkpoint was written.
        settings: of this run.
        given: overrides of the command line; what they set stays as in ``settings``.

    Raises:
        InputError: ``stored`` is of another version of this framework, or damaged.
    """
    ours = OmegaConf.structured(settings)
    keys = [override.lstrip("+~").partition("=")[0] for override in given]
    schema = SysuConfig if "search" in stored.get("dataset", {}) else RegdbConfig
    try:
        merged = ours.copy()
        if not {"dataset", "experiment"} & set(keys):
            merged.dataset = OmegaConf.merge(OmegaConf.structured(schema), stored["dataset"])
        merged.data = OmegaConf.merge(ours.data, stored["data"])
        merged.model = OmegaConf.merge(ours.model, stored["model"])
        for key in keys:
            if key.partition(".")[0] in ("dataset", "data", "model") and "." in key:
                OmegaConf.update(merged, key, OmegaConf.select(ours, key))
    except (OmegaConfBaseException, KeyError) as error:
        raise InputError(
            f"checkpoint={settings.checkpoint}: its settings do not fit this version of the"
            f" framework ({str(error).splitlines()[0]}); evaluate it with the one that wrote it"
        ) from error
    return parse(merged)


def place(hydra: HydraConf) -> Place:
    """Where a job stands among those that its launcher runs at the same time."""
    if hydra.mode is not RunMode.MULTIRUN or "n_jobs" not in hydra.launcher:
        return ALONE
    asked = int(hydra.launcher.n_jobs)
    # As joblib counts: -1 is all processors, -2 all but one.
    processors = len(available().cores)
    jobs = asked if asked > 0 else max(1, processors + 1 + asked)
    return Place(int(hydra.job.num), jobs)


def _unknown(node: DictConfig, prefix: str = "") -> Iterator[str]:
    """Dotted keys that no dataclass has: Hydra lets ``+model.partz=2`` through."""
    known = {each.name for each in fields(cast(type, OmegaConf.get_type(node)))}
    for key in map(str, node):
        if key not in known:
            yield prefix + key
        elif not OmegaConf.is_missing(node, key) and isinstance(node[key], DictConfig):
            yield from _unknown(node[key], f"{prefix}{key}.")
