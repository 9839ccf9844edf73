"""Selects devices: one, several on this machine, or several machines.

All run the same training step. Only the chief writes files; all workers agree where to resume and
when to stop.
"""

import json
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager

import keras
import numpy as np
import tensorflow as tf

from petseg.core import quiet
from petseg.core.errors import PetsegError

TF_CONFIG = "TF_CONFIG"


def resolve(requested: str) -> tuple[tf.distribute.Strategy, str]:
    """Returns the strategy (auto, single, mirrored or multi_worker) and a description.

    Call it before other TensorFlow code: workers connect here, and wait for each other. Raises
    PetsegError if TF_CONFIG describes no cluster.
    """
    gpus = tf.config.list_physical_devices("GPU")
    workers = 1
    if requested == "multi_worker" or (requested == "auto" and os.environ.get(TF_CONFIG)):
        workers = len(_cluster())
    if requested == "auto":
        several = "mirrored" if len(gpus) > 1 else "single"
        requested = "multi_worker" if workers > 1 else several
    if requested == "multi_worker":
        return _multi_worker(workers)
    if requested == "mirrored":
        found = tf.config.list_logical_devices("GPU") or tf.config.list_logical_devices("CPU")
        strategy = tf.distribute.MirroredStrategy([device.name for device in found])
        return strategy, f"mirrored, {len(found)} {found[0].device_type}s"
    return tf.distribute.get_strategy(), f"single, on {'one GPU' if gpus else _the_cpu()}"


def is_chief(strategy: tf.distribute.Strategy) -> bool:
    """Returns whether this process writes the files."""
    resolver = strategy.cluster_resolver
    if not isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy) or resolver is None:
        return True
    has_chief = "chief" in resolver.cluster_spec().jobs
    return resolver.task_type == "chief" or (not has_chief and resolver.task_id == 0)


def check_batch_size(strategy: tf.distribute.Strategy, batch_size: int) -> None:
    """Raises PetsegError if a batch cannot be divided evenly."""
    replicas = strategy.num_replicas_in_sync
    if batch_size % replicas:
        raise PetsegError(
            f"batch_size {batch_size} is not divisible by the {replicas} devices that share it"
        )


def check_same(strategy: tf.distribute.Strategy, fingerprint: str) -> None:
    """Raises PetsegError on a worker whose run differs from the chief's."""
    if text_from_chief(strategy, fingerprint) != fingerprint:
        raise PetsegError(
            "this worker's code, parameters, records or precision differ from the chief's; "
            "make them the same (set precision if the machines differ) and start again"
        )


def from_chief(strategy: tf.distribute.Strategy, arrays: list[np.ndarray]) -> list[np.ndarray]:
    """Returns the chief's arrays, of the same shapes and dtypes, on every worker."""
    if not isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy):
        return arrays

    @tf.function
    def send(*values):
        replica = tf.distribute.get_replica_context()
        first = replica.replica_id_in_sync_group == 0
        mine = [tf.where(first, value, tf.zeros_like(value)) for value in values]
        return [replica.all_reduce(tf.distribute.ReduceOp.SUM, value) for value in mine]

    received = strategy.run(send, args=[tf.constant(array) for array in arrays])
    return [strategy.experimental_local_results(value)[0].numpy() for value in received]


def text_from_chief(strategy: tf.distribute.Strategy, text: str) -> str:
    """Returns the chief's text on every worker."""
    letters = np.frombuffer(text.encode(), np.uint8).astype(np.int32)
    (count,) = from_chief(strategy, [np.array(len(letters), np.int32)])
    (letters,) = from_chief(strategy, [np.resize(letters, int(count))])
    return letters.astype(np.uint8).tobytes().decode()


def synchronize_batch_norm(model: keras.Model) -> None:
    """Makes batch normalization use the statistics of all replicas."""
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.synchronized = True
        elif isinstance(layer, keras.Model):
            synchronize_batch_norm(layer)


@contextmanager
def report_lost_workers(strategy: tf.distribute.Strategy) -> Iterator[None]:
    """Turns errors of lost workers into one PetsegError."""
    try:
        yield
    except (
        tf.errors.UnavailableError,
        tf.errors.AbortedError,
        tf.errors.CancelledError,
        tf.errors.DeadlineExceededError,
        tf.errors.InternalError,
    ) as error:
        if not isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy):
            raise
        reason = error.message.strip().splitlines()[0]
        raise PetsegError(
            "a worker was lost, and the others cannot continue without it; run the same command "
            f"on all machines again to resume after the last complete epoch ({reason})"
        ) from None


def _the_cpu() -> str:
    if not quiet.has_nvidia_gpu():
        return "the CPU"
    return f"the CPU (TensorFlow cannot use the NVIDIA GPU; {quiet.LOG_LEVEL}=0 shows why)"


def _multi_worker(workers: int) -> tuple[tf.distribute.Strategy, str]:
    task = json.loads(os.environ[TF_CONFIG])["task"]
    print(f"{task['type']} {task['index']}: waiting for all {workers} workers", flush=True)
    # No timeout: each collective operation would keep a thread until then. Heartbeats of
    # TensorFlow's coordination service detect dead workers.
    on_termination = signal.getsignal(signal.SIGTERM)
    strategy = tf.distribute.MultiWorkerMirroredStrategy()
    signal.signal(signal.SIGTERM, on_termination)  # restored: the service ignores it
    replicas = strategy.num_replicas_in_sync
    return strategy, f"multi_worker, {replicas} replicas on {workers} workers"


def _cluster() -> list[str]:
    """Returns all workers' addresses in TF_CONFIG, or raises PetsegError."""
    example = (
        '{"cluster": {"worker": ["10.0.0.1:12345", "10.0.0.2:12345"]}, '
        '"task": {"type": "worker", "index": 0}}'
    )
    try:
        found = json.loads(os.environ[TF_CONFIG])
        cluster, task = found["cluster"], found["task"]
        jobs = {job: list(cluster[job]) for job in ("chief", "worker") if job in cluster}
        addresses = [address for job in jobs.values() for address in job]
        well_formed = all(
            isinstance(address, str) and address.rpartition(":")[2].isdigit()
            for address in addresses
        )
        index = task["index"]
        if not well_formed or type(index) is not int or index < 0:
            raise ValueError
        jobs[task["type"]][index]  # KeyError or IndexError for an unknown task
    except (KeyError, IndexError, TypeError, ValueError, AttributeError):
        raise PetsegError(
            f"strategy multi_worker needs {TF_CONFIG} in the environment, with the addresses of "
            f"all workers and this worker's index, such as\n  {TF_CONFIG}='{example}'\n"
            f"but it is {os.environ.get(TF_CONFIG) or 'missing'}"
        ) from None
    return addresses
