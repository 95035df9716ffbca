"""elbv2: answered by moto as it is."""
