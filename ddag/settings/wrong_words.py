"""What may be meant by a word of the command line that Hydra cannot place.

All but ``refuse_bare`` compose the configuration anew, within an initialised Hydra.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from difflib import SequenceMatcher, get_close_matches
from itertools import accumulate, chain
from typing import Any, Optional, cast, get_type_hints

import hydra
from hydra._internal.utils import get_args_parser  # which flags there are, it alone knows
from hydra.core.global_hydra import GlobalHydra
from hydra.errors import HydraException, MissingConfigException
from omegaconf import DictConfig, OmegaConf

from ddag.machine.errors import InputError
from ddag.settings.endings import one_line
from ddag.settings.plain import dotted

_CHOICES = "hydra.runtime.choices"
_MERGING = "Error merging override "
_KEY = re.compile(r"Could not (?:override|delete from config\.) '([^'@]+)")


def explain(error: HydraException, words: Sequence[str]) -> InputError:
    """What Hydra says of a command line, as one line that names what may be meant."""
    if isinstance(error, MissingConfigException):
        group, _, option = (error.missing_cfg_file or "").rpartition("/")
        if error.options and group in map(_key, words) and not group.startswith("hydra"):
            return InputError(_no_option(group, option, error.options))
    if str(error).startswith(_MERGING) and error.__cause__ is not None:
        refused = str(error)[len(_MERGING) :]
        return InputError(f"{refused}: {str(error.__cause__).splitlines()[0]}")
    found = _KEY.search(str(error))
    word = next((each for each in words if found and _key(each) == found[1]), None)
    return InputError(one_line(error) if word is None else _no_setting(word, words))


def did_you_mean(key: str, keys: Iterable[str]) -> str:
    """What to do about a setting that there is not."""
    near = nearest(key, keys)
    return f"did you mean {near}?" if near else "see python run.py --cfg job for those there are"


def nearest(key: str, keys: Iterable[str]) -> Optional[str]:
    """The setting whose name is likest to a key: one of the same name in another group, first."""
    known = list(keys)
    name = key.rpartition(".")[2]
    namesakes = [each for each in known if each.rpartition(".")[2] == name]
    if namesakes:
        return max(namesakes, key=lambda each: SequenceMatcher(None, key, each).ratio())
    return next(iter(get_close_matches(key, known, n=1)), None)


def needed(group: str, node: DictConfig, kind: type) -> str:
    """The words that a group still lacks, each with the values that it may have."""
    return " ".join(
        f"{group}.{name}={'|'.join(getattr(hint, '__members__', ['VALUE']))}"
        for name, hint in get_type_hints(kind).items()
        if OmegaConf.is_missing(node, name)
    )


def refuse_bare(words: Sequence[str]) -> None:
    """Refuse a setting that is typed as other programs have it: ``--dataset regdb``.

    Raises:
        InputError: there is one; how it is typed.
    """
    known, unknown = get_args_parser().parse_known_args(words)
    flags = [each for each in unknown if each.startswith("-")]
    if flags:
        flag, equals, value = flags[0].partition("=")
        after = [*words, ""][words.index(flags[0]) + 1]
        if not equals and "=" not in after and not after.startswith("-"):
            value = after
        key = flag.lstrip("-").replace("-", "_")
        raise InputError(f"{flag}: no such flag; a setting is typed {key}={value or 'VALUE'}")
    for word in known.overrides:
        if "=" not in word and not word.startswith("~"):
            raise InputError(f"{word}: sets nothing; a setting is typed {word}=VALUE")


def _no_option(group: str, option: str, options: Sequence[str]) -> str:
    near = get_close_matches(option, options, n=1)
    there = f"did you mean {group}={near[0]}? There" if near else "there"
    return f"{group}={option}: no such option; {there} are {', '.join(options)}"


def _no_setting(word: str, words: Sequence[str]) -> str:
    """What is wrong with a word that sets what the chosen options have not."""
    key = _key(word)
    groups = OmegaConf.select(hydra.compose("config", return_hydra_config=True), _CHOICES)
    chosen = [each for each in words if _key(each) in groups]
    try:
        config = hydra.compose("config", chosen, return_hydra_config=True)
    except HydraException:  # a sweep over options
        config = hydra.compose("config", return_hydra_config=True)
    group = key.partition(".")[0]
    having = _options_with(key, group) if group in groups else []
    if having:
        said = [each for each in chosen if _key(each) == group]
        option = said[-1] if said else f"{group}={OmegaConf.select(config, _CHOICES)[group]}"
        return f"{word}: no setting of {option}, but of {group}={', '.join(having)}"
    return f"{word}: no such setting; {did_you_mean(key, _keys(config, key))}"


def _options_with(key: str, group: str) -> list[str]:
    """The options of a group that have a setting."""
    options = GlobalHydra.instance().config_loader().get_group_options(group)
    return [
        each
        for each in options
        if key in _keys(hydra.compose("config", [f"{group}={each}"], return_hydra_config=True), key)
    ]


def _keys(config: DictConfig, like: str) -> list[str]:
    """Every setting and every group by dotted key; Hydra's own for a key of Hydra."""
    plain = cast("dict[str, Any]", OmegaConf.to_container(config))
    keys = [key for key in dotted(plain) if key.startswith("hydra") == like.startswith("hydra")]
    parts = (accumulate(key.split("."), "{}.{}".format) for key in keys)
    return list(dict.fromkeys(chain.from_iterable(parts)))


def _key(word: str) -> str:
    return word.lstrip("+~").partition("=")[0]
