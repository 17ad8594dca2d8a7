"""The network: encoder with task paths, line head, strip reader, decoder and retrieval towers."""
