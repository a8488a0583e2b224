"""From Hydra's composed configuration to typed settings, and from a checkpoint's back to them."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any, cast, get_type_hints

import hydra
from hydra import initialize_config_dir
from hydra.core.config_store import ConfigStore
from hydra.core.global_hydra import GlobalHydra
from hydra.core.plugins import Plugins
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import ConfigKeyError, MissingMandatoryValue, OmegaConfBaseException

from ddag.datasets import DATASETS
from ddag.machine import run_folders
from ddag.machine.errors import InputError, require
from ddag.machine.run_folders import MAX_FOLDER_NAME
from ddag.machine.words import quoted
from ddag.methods import METHODS, open_method
from ddag.settings import wrong_words
from ddag.settings.choices import TITLES, ScheduleKind
from ddag.settings.data import Dials
from ddag.settings.endings import one_line
from ddag.settings.history import translate
from ddag.settings.jobs import JOBS
from ddag.settings.settings import Composed, DeviceConfig, Settings, require_folder_name
from ddag.settings.training import SCHEDULES

RESTORED = ("dataset", "data", "model")  # groups that a checkpoint brings along
_PACKAGE = Path(__file__).parent
_PACKED = _PACKAGE / "conf"  # in a wheel; in a checkout conf/ lies beside the package
CONFIGURATION = _PACKED if _PACKED.is_dir() else _PACKAGE.parent / "conf"


def register() -> None:
    """Give Hydra the types of the settings; ``conf/`` builds on them by name."""
    OmegaConf.register_new_resolver("folder_name", folder_name, replace=True)
    OmegaConf.register_new_resolver("dials", turned_dials, replace=True)
    OmegaConf.register_new_resolver("tag_folder", tag_folder, replace=True)
    # Cached: the folder that it chooses would change its choice.
    OmegaConf.register_new_resolver("run_folder", run_folders.choose, replace=True, use_cache=True)
    store = ConfigStore.instance()
    # Hydra copies its only store, with all that lies there, for each group that --help lists, which
    # doubles the time of --help. It has no public way to leave that out.
    store.__deepcopy__ = lambda memo: store  # type: ignore[attr-defined]
    store.store("settings", Composed)
    # Presets here stand for those of the same names that plugins bring; Hydra would merge the two.
    Plugins.instance()
    theirs = store.repo.get("hydra", {}).get("launcher", {})
    for file in (CONFIGURATION / "hydra" / "launcher").glob("*.yaml"):
        theirs.pop(file.name, None)


def compose(words: Sequence[str] = ()) -> Settings:
    """The settings that ``python run.py`` would have with these words.

    Args:
        words: overrides as typed, such as ``dataset=regdb`` and ``model.part=0``.

    Raises:
        InputError: a word that there is not, or a value that cannot work.
    """
    try:
        with explaining(words), _composing():
            return parse(hydra.compose("config", translate(words)))
    except OmegaConfBaseException as error:
        raise InputError(one_line(error)) from error


@contextmanager
def explaining(words: Sequence[str]) -> Iterator[None]:
    """Say of a word that Hydra cannot place what may be meant.

    Raises:
        InputError: there is such a word.
    """
    try:
        yield
    except HydraException as error:
        with _composing():
            raise wrong_words.explain(error, words) from error


@contextmanager
def _composing() -> Iterator[None]:
    register()
    known = GlobalHydra.instance()
    around = known.hydra  # of a program that itself runs under Hydra, as a job does
    known.clear()
    try:
        with initialize_config_dir(str(CONFIGURATION), version_base="1.3"):
            yield
    finally:
        known.hydra = around


def folder_name(overrides: str) -> str:
    """The overrides of a job of a sweep as the name of one folder, cut off where it grows long."""
    name = os.fsencode(overrides.replace("/", "-"))
    return name[:MAX_FOLDER_NAME].decode("utf-8", errors="ignore")


def tag_folder(tag: str) -> str:
    """A tag, refused where it would lead to another folder: a job of a sweep has its own.

    Raises:
        InputError: it would.
    """
    require_folder_name(tag)
    return tag


def turned_dials(people: DictConfig) -> str:
    """Those that are not at their defaults, as the end of a folder's name."""
    values = {dial.name: people.get(dial.name, dial.default) for dial in fields(Dials)}
    turned = {name: value for name, value in values.items() if value != getattr(Dials, name)}
    return "".join(f"_{name}{value}" for name, value in turned.items())


def parse(composed: DictConfig) -> Settings:
    """The composed configuration as typed settings.

    Raises:
        InputError: an unknown key, a wrong type or a value that cannot work, named.
    """
    typed = OmegaConf.structured(Settings)
    kinds, known = _kinds(composed), {each.name for each in fields(Settings)}
    try:
        for key in map(str, composed):
            if key not in known:
                raise _unknown(key, known)
            if not OmegaConf.is_missing(composed, key):
                typed[key] = (
                    _typed(key, composed[key], kinds[key]) if key in kinds else composed[key]
                )
        settings = cast(Settings, OmegaConf.to_object(typed))
    except MissingMandatoryValue as error:
        key = str(error.full_key)
        group = key.partition(".")[0]
        needed = wrong_words.needed(group, typed[group], kinds[group]) if group in kinds else key
        raise InputError(f"{key}: is not given; add {needed}") from error
    except OmegaConfBaseException as error:
        raise _mistyped(error, error.full_key or "settings") from error
    _check_method(settings)
    return settings


def parse_device(composed: DictConfig) -> DeviceConfig:
    """The device alone, which must be known before MindSpore is imported.

    Raises:
        InputError: as ``parse``.
    """
    return cast(DeviceConfig, OmegaConf.to_object(composed.device))


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
    keys = _keys(given)
    merged = OmegaConf.create(OmegaConf.to_container(ours, enum_to_str=True))
    assert isinstance(merged, DictConfig)
    try:
        _refuse_interpolation({group: stored[group] for group in RESTORED})
        if not names_dataset(given):
            merged.dataset = stored["dataset"]
        merged.data, merged.model = stored["data"], stored["model"]
        parse(merged)  # before the command line's go on top, which are not the checkpoint's fault
    except (OmegaConfBaseException, KeyError, InputError) as error:
        raise InputError(
            f"checkpoint={settings.checkpoint}: its settings do not fit this version of the"
            f" framework ({str(error).splitlines()[0]}); evaluate it with the one that wrote it"
        ) from error
    for key in keys:
        if key.partition(".")[0] in RESTORED and "." in key:
            OmegaConf.update(merged, key, OmegaConf.select(ours, key))
    return parse(merged)


def names_dataset(given: Sequence[str]) -> bool:
    """Whether overrides of a command line choose a data set, rather than a setting of one."""
    return bool({"dataset", "experiment"} & set(_keys(given)))


def _keys(given: Sequence[str]) -> list[str]:
    return [override.lstrip("+~").partition("=")[0] for override in given]


def _refuse_interpolation(stored: object) -> None:
    """Refuse what OmegaConf would put something else in the place of, such as a variable's value.

    Raises:
        InputError: there is such a value.
    """
    inner: Iterable[object] = ()
    if isinstance(stored, Mapping):
        inner = stored.values()
    elif isinstance(stored, list):
        inner = stored
    for each in inner:
        _refuse_interpolation(each)
    if isinstance(stored, str) and "${" in stored:
        raise InputError(f"{quoted(stored)} is no value")


def _kinds(composed: DictConfig) -> dict[str, type]:
    """The dataclass of each group; of some, what they name decides."""
    hints = get_type_hints(Composed)
    kinds: dict[str, type] = {
        key: kind for key, kind in hints.items() if isinstance(kind, type) and is_dataclass(kind)
    }
    kinds["dataset"] = DATASETS.find(_named(composed, "dataset.name")).config
    kinds["model"] = METHODS.find(_named(composed, "model.name")).config
    kind = _named(composed, "schedule.kind")
    among = f"use one of {', '.join(ScheduleKind.__members__)}"
    require(kind in ScheduleKind.__members__, "schedule.kind", kind, among)
    kinds["schedule"] = SCHEDULES[ScheduleKind[kind]]
    job = _named(composed, "job.name")
    require(job in JOBS, "job.name", job, f"use one of {', '.join(JOBS)}")
    kinds["job"] = JOBS[job]
    return kinds


def _named(composed: DictConfig, key: str) -> str:
    """What a group's name or kind is.

    Raises:
        InputError: the group is no group, or has none.
    """
    group = key.partition(".")[0]
    node = composed.get(group)
    require(isinstance(node, DictConfig), group, node, f"choose an option, such as {group}=NAME")
    return str(OmegaConf.select(composed, key))


def _typed(group: str, node: Any, kind: type) -> DictConfig:
    """A group as its dataclass, its values still open to interpolation.

    Raises:
        InputError: a key that the dataclass has not, or a value of another type.
    """
    if not isinstance(node, DictConfig):
        raise InputError(
            f"{group}={node}: holds settings of its own; set them by {group}.KEY=VALUE"
        )
    try:
        return cast(DictConfig, OmegaConf.merge(OmegaConf.structured(kind), node))
    except ConfigKeyError as error:
        raise _unknown(f"{group}.{error.full_key}", _names(group, kind)) from error
    except OmegaConfBaseException as error:
        raise _mistyped(error, f"{group}.{error.full_key}") from error


def _unknown(key: str, among: Iterable[str]) -> InputError:
    return InputError(f"{key}: no such setting; {wrong_words.did_you_mean(key, among)}")


def _names(group: str, kind: type) -> list[str]:
    return [f"{group}.{each.name}" for each in fields(kind)]


def _mistyped(error: OmegaConfBaseException, key: str) -> InputError:
    return InputError(f"{key}: {str(error).splitlines()[0]}")


def _check_method(settings: Settings) -> None:
    """Refuse what the method cannot do, and a monitor that it has not."""
    method = open_method(settings)
    method.check()
    feature, _, score = method.monitor.partition("/")
    known = feature in method.features and score in TITLES
    remedy = f"use one of {', '.join(method.features)}, a slash and one of {', '.join(TITLES)}"
    require(known, "train.monitor", method.monitor, remedy)
