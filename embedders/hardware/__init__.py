"""Devices, threads and batches: how the machine is used."""
