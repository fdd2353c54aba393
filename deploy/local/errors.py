"""What a local cluster says when it cannot: apart from what it is made of, so that who only waits for it need not import that."""

from deploy.targets.target import TargetError


class LocalClusterError(TargetError):
    """The cluster cannot do what was asked; the message is one line that says what to do."""
