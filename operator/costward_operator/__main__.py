"""`costward-operator`: the control plane's process. Configured by environment variables only (see settings.py)."""

from __future__ import annotations

import argparse
import asyncio
import gc
import logging
import os
import secrets
import signal
import sys
from collections.abc import Iterator, Sequence

from costward_operator.errors import OperatorError, SettingsError
from costward_operator.settings import Settings

_COLLECTED = (20_000, 20, 10)
"""Of the garbage collector. What is known of ten thousand policies is millions of objects that live for long: with
Python's own 700, 10, 10, walking them again and again was half of the operator's CPU. Most garbage here is in no cycle
and goes at once; twenty thousand young objects are some megabytes."""

_FORMAT = "%(asctime)s %(process)d %(levelname)s %(name)s: %(message)s"

_HELP = """\
Turns CostPolicy resources into the snapshots that data planes decide by, and says in their status what is true.
Runs in the cluster, as many replicas as you like: one leads, the others wait.

environment (all have defaults in a pod):
  COSTWARD_KUBE_SERVER           URL of the API server              from KUBERNETES_SERVICE_HOST and _PORT
  COSTWARD_KUBE_TOKEN_FILE       bearer token                       the pod's
  COSTWARD_KUBE_CA_FILE          certificate authorities, or system the pod's
  COSTWARD_NAMESPACE             of the lease and stored snapshots  costward-system
  COSTWARD_POD_NAME              this replica's name                costward-operator
  COSTWARD_POD_IP                this replica's address             none: set it from status.podIP
  COSTWARD_CLUSTER_NAME          this cluster among several         default
  COSTWARD_CLUSTER_GROUP         clusters that share caps           the cluster's name: none are shared
  COSTWARD_ADMIN_LISTEN          /health, /ready and /metrics       0.0.0.0:8081
  COSTWARD_DEBOUNCE_SECONDS      from a change to its compile       0.15
  COSTWARD_RESYNC_SECONDS        between full lists                 300
  COSTWARD_SETTLE_SECONDS        that data planes have to come back 30
  COSTWARD_SAVE_SECONDS          between two stored snapshots       5
  COSTWARD_CANARY_PERCENT        of data planes that get new       0: all at once
                                 policies first
  COSTWARD_CANARY_SECONDS        before the others get them        300
  COSTWARD_DELIVERY_LISTEN       for data planes: gRPC over TLS     0.0.0.0:8443; off: the stored copy alone
  COSTWARD_DELIVERY_CERTIFICATE  PEM, read again when it changes    /etc/costward/delivery/tls.crt
  COSTWARD_DELIVERY_KEY          PEM, read again when it changes    /etc/costward/delivery/tls.key
  COSTWARD_DELIVERY_AUDIENCE     that their tokens must be for      costward
  COSTWARD_DELIVERY_ACCOUNTS     NAMESPACE/NAME, with commas: those COSTWARD_NAMESPACE/costward-extproc
                                 that get every policy; others get
                                 their own namespace's
  COSTWARD_DELIVERY_ADVERTISE    HOST:PORT to which standbys send   COSTWARD_POD_IP and the port above
                                 data planes while this one leads
  COSTWARD_ISTIOD_URL            istiod's debug pages, by which it  none: only exchanges that came prove
                                 is seen that proxies have the      the path
                                 filter
  COSTWARD_ISTIOD_TOKEN_FILE     a token with istiod's audience     /var/run/secrets/tokens/istio-token

exit status: 0 told to stop; 1 lost the lease or the watch, to be started again; 2 a setting is wrong
"""


def main(arguments: Sequence[str] | None = None) -> None:
    """Logs go to standard error."""
    parser = argparse.ArgumentParser(
        prog="costward-operator", description=_HELP, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format=_FORMAT)
    # A line for each event of each policy: among thousands it hides all else, and costs a tenth of the first publish.
    logging.getLogger("kopf.objects").setLevel(logging.WARNING)
    gc.set_threshold(*_COLLECTED)
    try:
        settings = Settings.from_env(os.environ)
        sys.exit(asyncio.run(_serve(settings)))
    except SettingsError as error:
        for problem in error.problems:
            logging.getLogger("costward").error("%s", problem)
        sys.exit(2)


async def _serve(settings: Settings) -> int:
    # Only now: `--help` need not wait for kopf.
    from costward_operator.app import World, run

    stop = asyncio.Event()
    for signum in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(signum, stop.set)
    try:
        await run(settings, World(me=f"{settings.name}_{secrets.token_hex(4)}"), stop)
    except ExceptionGroup as ended:
        for error in _causes(ended):
            words = str(error) if isinstance(error, OperatorError) else repr(error)
            logging.getLogger("costward").error("ends, to be started again: %s", words)
        return 1
    return 0


def _causes(group: ExceptionGroup[Exception]) -> Iterator[Exception]:
    for error in group.exceptions:
        if isinstance(error, ExceptionGroup):
            yield from _causes(error)
        else:
            yield error


if __name__ == "__main__":
    main()
