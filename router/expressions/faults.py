"""What is wrong with an expression, before it is known which parameter the expression came in."""


class Fault(Exception):
    """Say, in AWS's words, what is wrong with an expression; `detail` follows "Invalid ConditionExpression: "."""

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail
