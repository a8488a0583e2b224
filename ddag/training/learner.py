"""Network and objective together: all that a run trains, and all that its checkpoints hold."""

from __future__ import annotations

from mindspore import Tensor, nn

from ddag.losses.objective import Objective
from ddag.machine.sharing import Share
from ddag.model.exchange import Gather
from ddag.model.network import TwoStreams
from ddag.model.shared_norm import share_norms


class Learner(nn.Cell):
    """A batch through the network to the terms of its loss: what the step differentiates.

    Here, between the two, the outputs of several processes are gathered.
    """

    def __init__(self, network: TwoStreams, objective: Objective) -> None:
        # A parameter keeps the name it has in its part: checkpoints are written by name.
        super().__init__(auto_prefix=False)
        self.network = network
        self.objective = objective
        self.is_shared = False

    def share_out(self, share: Share, *, views: int, sync_bn: bool) -> None:
        """Have the network take this process's share of a batch, and the objective all of it.

        Batch norms after the backbone see the whole batch, as the objective does.

        Args:
            share: of this process; alone nothing changes.
            views: of a sample.
            sync_bn: whether the backbone's batch norms see the whole batch, too.
        """
        if share.count == 1:
            return
        self.is_shared = True
        self.gather = Gather(share, views)
        for name, part in self.network.name_cells().items():
            if sync_bn or name != "backbone":
                share_norms(part, share)

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
            visible: see ``data.loader.Batch``, as are the other three; of several processes, each
                has its own images here and the identities and modalities of all.
            infrared: ``(R, 3, H, W)``.
            identities: ``(N,)``.
            modalities: ``(N,)``.
            *rest: what the objective takes beside.
        """
        return self.judge(self.network.backbone(visible, infrared), identities, modalities, *rest)

    def judge(
        self, feature_map: Tensor, identities: Tensor, modalities: Tensor, *rest: Tensor
    ) -> tuple[Tensor, ...]:
        """The same of the backbone's map, ``(N, C, h, w)``; the rest as of ``construct``."""
        outputs = self.network.head(feature_map)
        if self.is_shared:
            outputs = self.gathered(outputs)
        return self.objective(outputs, identities, modalities, *rest)

    def gathered(self, outputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """The network's outputs of the whole batch, of those of this process's images."""
        whole = ()  # type: tuple[Tensor, ...]  # MindSpore 1.10 compiles no annotation
        for each in outputs:
            whole = whole + (self.gather(each),)  # noqa: RUF005, MindSpore 1.10
        return whole
