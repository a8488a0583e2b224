"""What a method is: the questions that data, training and evaluation ask it.

A method's module imports MindSpore only where it builds something, so that a wrong setting is said
at once; its parts are cells of ``model/`` and objectives of ``losses/``.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Optional, TypeVar

from ddag.machine.errors import InputError
from ddag.methods.about import About
from ddag.model.initial import RULES, Rule
from ddag.settings.choices import Modality
from ddag.settings.model import ModelConfig
from ddag.settings.settings import Settings
from ddag.weights.names import Names

if TYPE_CHECKING:
    from ddag.losses.objective import Objective
    from ddag.model.network import TwoStreams

Config = TypeVar("Config", bound=ModelConfig)


class Method(ABC, Generic[Config]):
    """A method under the settings of a run.

    Attributes:
        config: type of its settings, ``model``.
        views: the images of a sample, by the modality of each; an identity is drawn once for all
            of them, and views of one modality show the same image, each augmented by itself.
        names: of its parameters, by its authors.
        undecayed: beginnings of names of parameters that Adam's weight decay spares.
        about: paper and published scores, for the table of methods; None for a method that has
            none to show.
    """

    config: ClassVar[type[ModelConfig]]
    views: ClassVar[tuple[Modality, ...]] = (Modality.visible, Modality.infrared)
    names: ClassVar[Names] = Names()
    undecayed: ClassVar[tuple[str, ...]] = ()
    about: ClassVar[Optional[About]] = None

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.model: Config = settings.model  # type: ignore[assignment]

    @property
    @abstractmethod
    def features(self) -> tuple[str, ...]:
        """Names of the test features, in the order in which ``network`` gives them."""

    @property
    def rules(self) -> Sequence[Rule]:
        """What its first weights are drawn by."""
        return RULES

    @property
    def monitor(self) -> str:
        """The score that makes a checkpoint the best, such as ``feat_att/rank1``."""
        return self.settings.train.monitor or f"{self.features[-1]}/rank1"

    def check(self) -> None:
        """Refuse settings that do not go together.

        Raises:
            InputError: which.
        """
        if not self.has_loss:
            raise InputError(
                "loss.identity=false, loss.triplet=null: no loss is left to train by; switch one on"
            )

    @property
    def has_loss(self) -> bool:
        """Whether any term of the loss is switched on."""
        return self.settings.loss.identity or self.settings.loss.triplet is not None

    @abstractmethod
    def network(self, identities: int) -> TwoStreams:
        """The network for so many training identities, its weights still 0."""

    @property
    def streams(self) -> dict[str, Any]:
        """What every network is told of its streams and their map, see ``model.network``."""
        return {
            "backbone": self.model.backbone.value,
            "height": self.settings.data.height,
            "exponent": self.model.exponent,
            "private_stages": self.model.private_stages,
        }

    def objective(self, network: TwoStreams, identities: int) -> Objective:
        """What it is trained by, the weights still 0: identity and triplet loss by default."""
        from ddag.losses.objective import Objective

        return Objective(**vars(self.settings.loss))

    @property
    def scales(self) -> Mapping[str, float]:
        """Rates as shares of the heads', by the beginnings of names; the first that fits counts."""
        return {}

    def carry(self, means: Mapping[str, float]) -> Optional[float]:
        """What an epoch leaves to the next, from its mean losses by term; None for nothing."""
        return None

    def diagnose(self, values: Mapping[str, float]) -> dict[str, tuple[str, str]]:
        """Branches that have stopped learning: by name the sign of it, and what would help.

        Args:
            values: means of an epoch, ``train/...``.
        """
        return {}

    def scalars(self, carried: Optional[float]) -> dict[str, float]:
        """What the objective is told in an epoch, by name, in the order in which it takes it.

        Args:
            carried: what the epoch before left; None in the first.
        """
        return {}
