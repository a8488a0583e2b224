"""Network and objective together: all that a run trains, and all that its checkpoints hold."""

from __future__ import annotations

from mindspore import Tensor, nn

from ddag.losses.objective import Objective
from ddag.model.network import TwoStreams


class Learner(nn.Cell):
    """A batch through the network to the terms of its loss: what the step differentiates.

    Here, between the two, outputs of several processes would be gathered.
    """

    def __init__(self, network: TwoStreams, objective: Objective) -> None:
        # A parameter keeps the name it has in its part: checkpoints are written by name.
        super().__init__(auto_prefix=False)
        self.network = network
        self.objective = objective

    def construct(
        self,
        visible: Tensor,
        infrared: Tensor,
        identities: Tensor,
        modalities: Tensor,
        *rest: Tensor,
    ) -> tuple[Tensor, ...]:
        """Scalars in the order of ``objective.terms``.

        Args:
            visible: see ``data.loader.Batch``, as are the other three.
            infrared: ``(R, 3, H, W)``.
            identities: ``(N,)``.
            modalities: ``(N,)``.
            *rest: what the objective takes beside.
        """
        outputs = self.network(visible, infrared)
        return self.objective(outputs, identities, modalities, *rest)
