"""Words that Hydra cannot place: each is answered by what may be meant."""

from __future__ import annotations

import pytest

import ddag
from ddag.machine.errors import InputError
from ddag.settings.wrong_words import refuse_bare

PEOPLE = "dataset=synthetic, synthetic_csv, synthetic_llcm, synthetic_sysu"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["modle.part=3"], "modle.part=3: no such setting; did you mean model.part?"),
        (["~modle"], "~modle: no such setting; did you mean model?"),
        (["loss.triplet=har"], "loss.triplet=har: Invalid value 'har', expected one of [hard, "),
        (["+model.partz=3"], "model.partz: no such setting; did you mean model.part?"),
        (["+modle=ddag"], "modle: no such setting; did you mean model?"),
        (["epochs=3"], "epochs=3: no such setting; did you mean train.epochs?"),
        (["train.lr=3"], "train.lr=3: no such setting; did you mean optimizer.lr?"),
        (["hydra.swep.dir=x"], "hydra.swep.dir=x: no such setting; did you mean hydra.sweep.dir?"),
        (["xyzzy=3"], "xyzzy=3: no such setting; see python run.py --cfg job for those there are"),
        (["job=chek"], "job=chek: no such option; did you mean job=check? There are check, "),
        (["device="], "device=: no such option; there are ascend, cpu, gpu"),
        (["model=baseline", "model.part=0"],
         "model.part=0: no setting of model=baseline, but of model=cgsa, cgsa_self, ddag, "
         "ddag_paper, iwpa, iwpa_uniform"),
        (["experiment=caj_plus", "model.part=0"],
         "model.part=0: no setting of model=caj, but of model=cgsa, cgsa_self, ddag, ddag_paper"),
        (["dataset=regdb", "dataset.generate.identities=40"],
         f"dataset.generate.identities=40: no setting of dataset=regdb, but of {PEOPLE}"),
    ],
)  # fmt: skip
def test_a_word_that_cannot_be_placed_is_answered_by_what_may_be_meant(
    words: list[str], said: str
) -> None:
    with pytest.raises(InputError) as caught:
        ddag.compose(words)
    assert str(caught.value).startswith(said)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--dataset", "regdb"], "--dataset: no such flag; a setting is typed dataset=regdb"),
        (["--dataset=regdb"], "--dataset: no such flag; a setting is typed dataset=regdb"),
        (["seed=1", "--test-batch"], "--test-batch: no such flag; a setting is typed test_batch="),
        (["dataset", "regdb"], "dataset: sets nothing; a setting is typed dataset=VALUE"),
    ],
)
def test_a_setting_as_other_programs_have_it_is_answered_by_how_it_is_typed(
    words: list[str], said: str
) -> None:
    with pytest.raises(InputError) as caught:
        refuse_bare(words)
    assert str(caught.value).startswith(said)


def test_what_hydra_takes_is_no_wrong_word() -> None:
    refuse_bare(["-m", "--cfg", "job", "seed=0,1", "~sweep", "+a=1", "-cn", "config"])
