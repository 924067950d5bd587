"""What pages show of the catalog: a part of its entries, and how far its jobs are."""
