"""Search for the architecture: space, latency, proxy, evolution."""
