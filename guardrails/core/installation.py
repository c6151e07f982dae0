"""Refuses to run beside `guardrails-ai`, which installs the same import name.

pip lets both distributions write into one `guardrails/` folder; the one installed last
overwrites files of the other. A mixed folder must not guard anything.
"""

from importlib.metadata import PackageNotFoundError, distribution

from guardrails.errors import InstallationConflict

RIVAL_DISTRIBUTION = "guardrails-ai"


def check_installation() -> None:
    """Make sure that no other distribution owns the import name `guardrails`.

    Raises:
        InstallationConflict: `guardrails-ai` is installed in this environment.
    """
    try:
        rival = distribution(RIVAL_DISTRIBUTION)
    except PackageNotFoundError:
        return
    raise InstallationConflict(
        f"{RIVAL_DISTRIBUTION} {rival.version} and guarded-agent both install the import name "
        f"'guardrails' and overwrite each other's files. Keep them in separate environments: "
        f"`pip uninstall {RIVAL_DISTRIBUTION}`, then "
        f"`pip install --force-reinstall guarded-agent`."
    )
