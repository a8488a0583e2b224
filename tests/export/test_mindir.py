"""Networks as MINDIR files: a process that knows the file alone has the network's features."""

from __future__ import annotations

from pathlib import Path

import pytest
from learners import small
from mindspore import Tensor
from mindspore.train import mind_ir_pb2

from ddag.data.normalising import normalise
from ddag.evaluation.extractor import FeatureStream
from ddag.export import checking, mindir_file
from ddag.export.label import Label, labels
from ddag.machine.errors import InputError
from ddag.settings.choices import Modality


@pytest.mark.slow
@pytest.mark.parametrize("method", ["agw", "ddag_paper", "hct"])
def test_a_file_gives_the_features_of_its_network_and_says_what_it_is(
    method: str, tmp_path: Path
) -> None:
    opened, learner = small(method)
    label = labels(opened, "0" * 64)[Modality.infrared]
    path = tmp_path / "infrared.mindir"
    mindir_file.write(path, learner.network, label)
    images = normalise(checking.draw_people(Modality.infrared, height=64, width=32))
    batches = [images[:count] for count in checking.BATCHES]
    found = mindir_file.run_alone(path, label, batches)
    ours = FeatureStream(learner.network, Modality.infrared)(Tensor(images))
    for count, theirs in zip(checking.BATCHES, found):
        assert checking.difference([each.asnumpy()[:count] for each in ours], theirs) < 5e-6
    model = mind_ir_pb2.ModelProto.FromString(path.read_bytes())
    assert {each.key: each.value for each in model.user_info} == label.words


@pytest.mark.slow
def test_a_file_that_cannot_be_run_is_refused_in_a_line(tmp_path: Path) -> None:
    path = tmp_path / "visible.mindir"
    path.write_bytes(b"nothing")
    label = Label("ddag", Modality.visible, ("feat",), 64, 32, False, "0")
    with pytest.raises(InputError, match="MindSpore cannot run it") as refused:
        mindir_file.run_alone(path, label, [])
    assert "\n" not in str(refused.value)
