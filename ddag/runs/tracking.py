"""What a run leaves of each epoch: TensorBoard's files and metrics.jsonl.

Scalars have the same names everywhere: ``train/loss``, ``eval/feat_att/rank1``.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from tensorboardX import SummaryWriter
from tensorboardX.summary import hparams

from ddag.evaluation.metrics import ScoresByFeature
from ddag.machine.errors import InputError
from ddag.machine.files import replacing
from ddag.settings.plain import dotted


class Tracker:
    """The files of one run folder; use it in a ``with`` block.

    Raises:
        InputError: they cannot be written.
    """

    def __init__(self, folder: Path, hyperparameters: Mapping[str, Any], *, first: int = 0) -> None:
        """Open the files; what they say of epoch ``first`` and later ones is dropped.

        Args:
            folder: the run folder.
            hyperparameters: nested, what TensorBoard compares runs by.
            first: epoch.
        """
        self._folder = folder
        path = folder / "metrics.jsonl"
        with _writing(path):
            # TensorBoard drops the same epochs where it reads of a session that starts with one.
            purge_step = first if path.exists() else None
            kept = _lines_before(path, first)
            with replacing(path) as draft:
                draft.write_text("".join(kept), encoding="utf-8")
            self._lines = path.open("a", encoding="utf-8")
            self._writer = SummaryWriter(str(folder), purge_step=purge_step)
        # SummaryWriter.add_hparams would open a folder of its own for them. The first summary, of
        # the columns, is left out: TensorBoard finds them itself, over all jobs of a sweep.
        values = {key: _word(value) for key, value in dotted(hyperparameters).items()}
        _, start, self._end = hparams(values, {})
        self._writer.file_writer.add_summary(start)

    def __enter__(self) -> Tracker:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is None:
            self._writer.file_writer.add_summary(self._end)
        self._lines.close()
        self._writer.close()

    def log(self, epoch: int, values: Mapping[str, float]) -> None:
        """Write the values of ``epoch`` (finished epochs) to TensorBoard and metrics.jsonl."""
        with _writing(Path(self._lines.name)):
            print(json.dumps({"epoch": epoch, **values}), file=self._lines, flush=True)
            for name, value in values.items():
                self._writer.add_scalar(name, value, epoch)
            self._writer.flush()

    def show_result(self, epoch: int, score: float, scores: ScoresByFeature) -> None:
        """Write to TensorBoard what result.json says: ``best`` and ``best/<feature>/<score>``."""
        # The bare name stands first in the alphabet, so that TensorBoard compares jobs by it.
        for name, value in {"best": score, **flat("best", scores)}.items():
            self._writer.add_scalar(name, value, epoch)

    def show_image(self, name: str, pixels: np.ndarray, epoch: int) -> None:
        """Write ``(H, W, 3)`` uint8 to TensorBoard."""
        self._writer.add_image(name, pixels, epoch, dataformats="HWC")

    def show_histogram(self, name: str, values: np.ndarray, epoch: int) -> None:
        """Write the distribution of an array to TensorBoard."""
        self._writer.add_histogram(name, values.ravel(), epoch)

    def show_embedding(
        self,
        name: str,
        features: np.ndarray,
        labels: Sequence[Sequence[object]],
        *,
        header: Sequence[str],
        thumbnails: np.ndarray,
        epoch: int,
    ) -> None:
        """Write features for TensorBoard's projector, in place of earlier ones.

        Args:
            name: of the features.
            features: ``(N, C)``.
            labels: of each row, as many as ``header`` has names.
            header: names of the labels.
            thumbnails: ``(N, S, S, 3)`` uint8.
            epoch: that they are of.
        """
        config = self._folder / "projector_config.pbtxt"
        with _writing(config):
            config.unlink(missing_ok=True)  # tensorboardX appends to it
            self._writer.add_embedding(
                features.astype(np.float64).round(4),  # a text file, which would have 17 digits
                metadata=[list(row) for row in labels],
                metadata_header=list(header),
                label_img=thumbnails.transpose(0, 3, 1, 2) / 255,
                global_step=epoch,
                tag=name,
            )


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise InputError(f"{path}: cannot be written ({error}); make room or allow it") from error


def _lines_before(path: Path, epoch: int) -> list[str]:
    """The whole lines of a metrics.jsonl before an epoch; a killed run may leave half a line."""
    if not path.exists():
        return []
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    whole = [line for line in lines if line.endswith("}\n")]
    return [line for line in whole if json.loads(line)["epoch"] < epoch]


def flat(prefix: str, scores: ScoresByFeature) -> dict[str, float]:
    """Scores by feature as scalars named ``<prefix>/<feature>/<score>``."""
    return {
        f"{prefix}/{feature}/{score}": value
        for feature, values in scores.items()
        for score, value in values.items()
    }


def _word(value: object) -> object:
    """None as a word, since TensorBoard would drop it."""
    return "null" if value is None else value
