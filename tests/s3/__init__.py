"""Real S3 servers on this machine, and a proxy that makes faults before them."""

from tests.s3.endpoint import Endpoint
from tests.s3.faults import (
    PASSING,
    Act,
    Fault,
    corrupt,
    cut_answer,
    cut_request,
    delay,
    error,
    hang,
    ignore_condition,
    lose_answer,
    slow,
)
from tests.s3.proxy import Proxy, Seen, running_proxy

__all__ = [
    "PASSING",
    "Act",
    "Endpoint",
    "Fault",
    "Proxy",
    "Seen",
    "corrupt",
    "cut_answer",
    "cut_request",
    "delay",
    "error",
    "hang",
    "ignore_condition",
    "lose_answer",
    "running_proxy",
    "slow",
]
