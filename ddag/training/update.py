"""The cells of a step: gradients of the losses, and the optimiser's update by them."""

# Tuples are joined by + here: MindSpore 1.10 does not compile (*a, b).
# ruff: noqa: RUF005

from __future__ import annotations

from typing import Any, Optional

from mindspore import Parameter, Tensor, nn, ops

from ddag.losses.objective import total
from ddag.machine import device
from ddag.machine.sharing import ALONE, Share
from ddag.model.exchange import Mean
from ddag.training.learner import Learner
from ddag.training.scaling import ScaledGradient, multiplied


class Gradients(nn.Cell):
    """Forward and backward pass."""

    def __init__(self, learner: Learner, optimizer: nn.Optimizer, *, scaled: bool = False) -> None:
        """Args: scaled: whether the first input is a scale, see ``ScaledGradient``."""
        super().__init__(auto_prefix=False)
        self.learner = learner  # a sub-cell, so that set_train reaches the network
        # Loss and gradient in one pass: computing them apart would double the step.
        self.value_and_grad = (
            ScaledGradient(learner, optimizer.parameters)
            if scaled
            else ops.value_and_grad(learner, None, optimizer.parameters, has_aux=True)
        )

    def construct(self, *inputs: Tensor) -> tuple[Any, ...]:
        """Losses as ``Learner.construct``'s, and the gradient of each parameter."""
        return self.value_and_grad(*inputs)


class Update(nn.Cell):
    """The optimiser's update, of a loss and its gradients."""

    def __init__(
        self,
        learner: Learner,
        optimizer: nn.Optimizer,
        *,
        clip: Optional[float] = None,
        share: Share = ALONE,
    ) -> None:
        """Args: as of ``Step``."""
        super().__init__(auto_prefix=False)
        self.optimizer = optimizer
        self.clips, self.clip = clip is not None, clip
        self.is_shared = share.count > 1
        if self.is_shared:
            self.mean = Mean(share)
        self.half_square = ops.L2Loss()
        names = [each.name.partition(".")[0] for each in optimizer.parameters]
        self.members = tuple(
            tuple(index for index, name in enumerate(names) if name == branch)
            for branch in learner.objective.branches
        )

    def construct(self, loss: Tensor, *gradients: Tensor) -> tuple[Any, ...]:
        """The loss, and half squared norms: of all gradients, and of each branch's.

        The branches are ``Objective.branches``. The weights move only where loss and norms are
        finite. Of several processes each has the same loss and gradients, to the bit.
        """
        if self.is_shared:
            # What each process differentiates is the sum of the processes' equal losses.
            loss = self.mean(loss)
            gradients = self.averaged(gradients)
        squares = ()  # type: tuple[Tensor, ...]
        for gradient in gradients:
            squares = squares + (self.half_square(gradient),)
        norms = (total(squares),)  # type: tuple[Tensor, ...]
        for members in self.members:
            branch = ()  # type: tuple[Tensor, ...]
            for index in members:
                branch = branch + (squares[index],)
            norms = norms + (total(branch),)
        if self.clips:
            gradients = self.clipped(gradients, ops.sqrt(2 * norms[0]))
        if ops.logical_and(ops.isfinite(loss), ops.isfinite(norms[0])):
            self.optimizer(gradients)
        return loss, norms

    def averaged(self, gradients: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """The processes' mean of each."""
        means = ()  # type: tuple[Tensor, ...]  # MindSpore 1.10 compiles no annotation
        for gradient in gradients:
            means = means + (self.mean(gradient),)
        return means

    def clipped(self, gradients: tuple[Tensor, ...], norm: Tensor) -> tuple[Tensor, ...]:
        """Gradients shortened together to ``clip`` where their ``norm`` is longer."""
        return multiplied(gradients, self.clip / ops.maximum(norm, self.clip))


class Step(nn.Cell):
    """Forward pass, backward pass and the optimiser's update in one compiled graph."""

    def __init__(
        self,
        learner: Learner,
        optimizer: nn.Optimizer,
        *,
        clip: Optional[float] = None,
        scaled: bool = False,
        share: Share = ALONE,
    ) -> None:
        """Take steps of a learner.

        Args:
            learner: see ``Trainer``, as is the optimiser.
            optimizer: of the learner.
            clip: the longest that all gradients together may be; None for any.
            scaled: see ``Gradients``.
            share: of this process.
        """
        super().__init__(auto_prefix=False)
        self.gradients = Gradients(learner, optimizer, scaled=scaled)
        self.update = Update(learner, optimizer, clip=clip, share=share)

    def construct(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        """Losses as of ``Gradients``, and half squared norms as of ``Update``."""
        terms, gradients = self.gradients(*inputs)
        loss, norms = self.update(terms[0], *gradients)
        return (loss,) + terms[1:], norms

    def compile_for(self, *inputs: Tensor) -> None:
        """Compile it ahead of the first step."""
        device.compile(self, *inputs)


def running_statistics(cell: nn.Cell) -> list[Parameter]:
    """What the batch norms of a cell move in every forward pass of a training."""
    moving = ("moving_mean", "moving_variance")
    return [each for each in cell.get_parameters() if each.name.rpartition(".")[2] in moving]
