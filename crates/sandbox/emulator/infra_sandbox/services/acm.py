"""acm: answered by moto as it is."""
