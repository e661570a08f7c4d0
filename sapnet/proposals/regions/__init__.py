"""The region proposer: candidate masks from colour and edges, nothing learned."""
