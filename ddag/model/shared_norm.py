"""Batch norm over the images of several processes.

Shapes: W processes, n images of each; C channels, L places of a map (1 of a vector).
"""

from __future__ import annotations

from mindspore import Parameter, Tensor, nn, ops

from ddag.machine.sharing import Share
from ddag.model.exchange import slot


class Normalisation(nn.Cell):
    """The arithmetic of a batch norm in training; its gradient is written out.

    One exchange forward, of each process's mean and variance, and one backward, of two sums. What
    it does to maps is put as batch norms by known statistics, which pass over a map once and hold
    none beside it; as products and sums of maps it took four times the memory.
    """

    def __init__(self, share: Share, epsilon: float) -> None:
        """Args: epsilon: added to the variance."""
        super().__init__()
        self.count, self.epsilon = share.count, epsilon
        self.slot = Tensor(slot(share).reshape(-1, 1, 1))
        self.reduce = ops.AllReduce()
        self.by_known = ops.BatchNorm(is_training=False, epsilon=epsilon)

    def construct(self, x: Tensor, gamma: Tensor, beta: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Normalised images ``(n, C, L, 1)``, and mean and variance of all images, ``(C,)`` each.

        Args:
            x: ``(n, C, L, 1)`` float32.
            gamma: ``(C,)``.
            beta: ``(C,)``.
        """
        mean = x.mean((0, 2, 3))
        off = x - mean.reshape(1, -1, 1, 1)
        variance = (off * off).mean((0, 2, 3))
        own = ops.stack((mean, variance)).expand_dims(0)  # (1, 2, C)
        each = self.reduce(own * self.slot)  # (W, 2, C)
        mean = each[:, 0].mean(0)
        # Not by the mean square less the squared mean: what is left of that may be rounding alone.
        apart = each[:, 0] - mean
        variance = (each[:, 1] + apart * apart).mean(0)
        return self.by_known(x, gamma, beta, mean, variance)[0], mean, variance

    def bprop(
        self,
        x: Tensor,
        gamma: Tensor,
        beta: Tensor,
        out: tuple[Tensor, Tensor, Tensor],
        gradients: tuple[Tensor, Tensor, Tensor],
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Gradients of the three inputs; those of gamma and beta by the process's own images."""
        gradient, mean, variance = gradients[0], out[1], out[2]
        zeros = ops.zeros_like(mean)
        normal = self.by_known(x, ops.ones_like(mean), zeros, mean, variance)[0]
        of_beta = gradient.sum((0, 2, 3))
        of_gamma = (gradient * normal).sum((0, 2, 3))
        images = self.count * x.shape[0] * x.shape[2]
        means = self.reduce(ops.stack((of_beta, of_gamma))) / images  # (2, C)
        # gamma / deviation * (gradient - mean of it), less the share that goes along with x.
        along = -means[1] * gamma / ops.sqrt(variance + self.epsilon)
        of_x = (
            self.by_known(gradient, gamma, zeros, means[0], variance)[0]
            + self.by_known(x, along, zeros, mean, variance)[0]
        )
        return of_x, of_gamma, of_beta


class _Shared(nn.Cell):
    """What both kinds have in common, beside the batch norm that each is."""

    def construct(self, x: Tensor) -> Tensor:
        """As ``nn.BatchNorm1d`` and ``nn.BatchNorm2d``."""
        places = x.reshape(x.shape[0], x.shape[1], -1, 1)  # (n, C, L, 1)
        if not self.training:
            return self.bn_infer(
                places, self.gamma, self.beta, self.moving_mean, self.moving_variance
            )[0].reshape(x.shape)
        out, mean, variance = self.normalisation(places, self.gamma, self.beta)
        # As MindSpore's own: of a sample, its variance as an estimate of that of all there are.
        count = self.normalisation.count * places.shape[0] * places.shape[2]
        variance = variance * (count / (count - 1))
        ops.assign(self.moving_mean, self.moving_mean * self.kept + mean * self.momentum)
        ops.assign(
            self.moving_variance, self.moving_variance * self.kept + variance * self.momentum
        )
        return out.reshape(x.shape)


class SharedBatchNorm1d(_Shared, nn.BatchNorm1d):
    """Of vectors, ``(n, C)``."""


class SharedBatchNorm2d(_Shared, nn.BatchNorm2d):
    """Of maps, ``(n, C, h, w)``."""


_KINDS = {nn.BatchNorm1d: SharedBatchNorm1d, nn.BatchNorm2d: SharedBatchNorm2d}


def share_norms(cell: nn.Cell, share: Share) -> None:
    """Have the batch norms of a cell take their statistics over all processes' images.

    They become cells of another class: their parameters, the names of these and the places where
    other cells hold them stay as they are.
    """
    for _, each in cell.cells_and_names():
        if type(each) in _KINDS:
            each.__class__ = _KINDS[type(each)]
            each.normalisation = Normalisation(share, each.eps)
            each.kept = 1 - each.momentum


def statistics_apart(cell: nn.Cell) -> list[Parameter]:
    """Running statistics of a cell's batch norms that see this process's images alone."""
    return [
        statistic
        for _, each in cell.cells_and_names()
        if type(each) in _KINDS
        for statistic in (each.moving_mean, each.moving_variance)
    ]
