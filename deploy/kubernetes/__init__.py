"""The program on every node of a Kubernetes cluster."""
