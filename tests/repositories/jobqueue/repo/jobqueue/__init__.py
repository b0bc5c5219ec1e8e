from jobqueue.queue import Queue
from jobqueue.retry import Retry

__all__ = ["Queue", "Retry"]
