"""Runs that outlive who started them: a folder and a process each, and a queue that bounds them."""

from longtake.runs.folder import (
    Asked,
    Kind,
    Run,
    State,
    Step,
    delete,
    list_runs,
    read_run,
    read_told,
    resume,
    runs_folder,
    stop,
    submit,
    thumb_path,
)
from longtake.runs.queue import Queue

__all__ = [
    "Asked",
    "Kind",
    "Queue",
    "Run",
    "State",
    "Step",
    "delete",
    "list_runs",
    "read_run",
    "read_told",
    "resume",
    "runs_folder",
    "stop",
    "submit",
    "thumb_path",
]
