"""Client of a Shardmill coordinator.

    import shardmill

    client = shardmill.Client("node1:7433")
    job = client.submit("job.yaml", set={"map.batch.rows": 256})
    for status in job.watch():
        print(status.phase, status.rows_done, status.rows_total)
    table = job.result().to_arrow()

`shardmill.aio` has the same classes with `async` and `await`.
"""

from ._credentials import Tls
from ._jobs import JobDefinition
from .client import Client, Job
from .errors import JobCancelled, JobFailed, Problem, ShardmillError, Unreachable
from .results import Result
from .status import JobStatus, Phase, Worker

__version__ = "0.1.0"

__all__ = [
    "Client",
    "Job",
    "JobCancelled",
    "JobDefinition",
    "JobFailed",
    "JobStatus",
    "Phase",
    "Problem",
    "Result",
    "ShardmillError",
    "Tls",
    "Unreachable",
    "Worker",
]
