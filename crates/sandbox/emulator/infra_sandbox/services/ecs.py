"""ecs: answered by moto as it is."""
