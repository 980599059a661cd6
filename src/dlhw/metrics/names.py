"""What the name of a metric tells."""


def higher_is_better(name: str) -> bool:
    return not name.endswith(("loss", "mse", "error", "frechet"))
