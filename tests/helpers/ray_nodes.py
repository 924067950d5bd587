"""A Ray cluster of two nodes on this machine, in a process of its own: it needs the network, which tests are refused.

It prints its address when it stands. For the line `kill` on stdin it kills the second node, without a farewell, and
prints `killed`; at the end of stdin all of it ends.
"""

import os
import sys
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

if __name__ == "__main__":
    with TemporaryDirectory(prefix="nodes-", ignore_cleanup_errors=True) as place:
        os.environ |= {"RAY_USAGE_STATS_ENABLED": "0", "RAY_AUTH_MODE": "disabled", "RAY_TMPDIR": place}
        (Path(place) / "ray").mkdir()
        from ray.cluster_utils import Cluster  # before psutil, which it brings

        import psutil  # isort: skip

        small = {"num_cpus": 1, "object_store_memory": 80 * 2**20}
        cluster = Cluster(initialize_head=True, head_node_args={**small, "include_dashboard": False})
        second = cluster.add_node(**small)
        print(cluster.address, flush=True)  # noqa: T201 - read by the test
        for _ in sys.stdin:
            (raylet,) = second.all_processes["raylet"]
            with_it = psutil.Process(raylet.process.pid).children(recursive=True)
            cluster.remove_node(second, allow_graceful=False)
            for process in with_it:  # else a worker goes on for a second
                with suppress(psutil.NoSuchProcess):
                    process.kill()
            psutil.wait_procs(with_it)
            print("killed", flush=True)  # noqa: T201
        cluster.shutdown()
