"""A Ray cluster of two nodes on this machine, in a process of its own: it needs the network, which tests are refused.

It prints its address when it stands. For the line `kill` on stdin it kills the second node, without a farewell, and
prints `killed`; at the end of stdin all of it ends.
"""

import logging
import os
import sys

os.environ |= {"RAY_USAGE_STATS_ENABLED": "0", "RAY_AUTH_MODE": "disabled"}

if __name__ == "__main__":
    import ray  # noqa: F401 - else its cluster is not whole
    from ray.cluster_utils import Cluster

    small = {"num_cpus": 1, "object_store_memory": 80 * 2**20, "include_dashboard": False}
    cluster = Cluster(initialize_head=True, head_node_args=small)
    second = cluster.add_node(**{name: value for name, value in small.items() if name != "include_dashboard"})
    logging.disable()
    print(cluster.address, flush=True)  # noqa: T201 - read by the test
    for _ in sys.stdin:
        cluster.remove_node(second, allow_graceful=False)
        print("killed", flush=True)  # noqa: T201
    cluster.shutdown()
