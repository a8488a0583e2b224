"""Jobs done by processes that joblib keeps, of which one that dies takes the others with it."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

from hydra.core.utils import JobReturn
from hydra_plugins.hydra_joblib_launcher.joblib_launcher import JoblibLauncher
from joblib.externals.loky.process_executor import (  # type: ignore[import-untyped]
    TerminatedWorkerError,
)

from ddag.runs.launchers.job import compose, dead

_REASON = "one of joblib's processes was ended from outside, as a kill or a lack of memory does"


class Joblib(JoblibLauncher):
    """``hydra/launcher=joblib``."""

    def launch(
        self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int
    ) -> Sequence[JobReturn]:
        """Run the jobs; if a process dies, those without a result are failures to be resumed."""
        try:
            with warnings.catch_warnings():
                # Of a process that has grown, as by what a training leaves behind, and is replaced
                # between two jobs.
                warnings.filterwarnings("ignore", "A worker stopped while some jobs")
                returned: Sequence[JobReturn] = super().launch(job_overrides, initial_job_idx)
            return returned
        except TerminatedWorkerError:
            jobs = compose(self, job_overrides, initial_job_idx)
            return [dead(job, _REASON) for job in jobs]
