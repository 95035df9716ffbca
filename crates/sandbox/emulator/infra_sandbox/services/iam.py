"""iam: answered by moto as it is."""
