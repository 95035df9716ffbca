"""route53: answered by moto as it is."""
