"""The console script `guarded-agent`: a top-level module that imports no `guardrails` at first.

`guardrails-ai` installs a `guardrails/` folder too, and whichever came last owns its files. So the
conflict is looked for in the metadata, before anything of that folder is imported.
"""

import sys
from importlib.metadata import PackageNotFoundError, distribution

RIVAL_DISTRIBUTION = "guardrails-ai"
"""Said again in `guardrails.core.installation`, which may not be ours when this runs."""

CONFLICT_EXIT_CODE = 2
"""As every mistake of the caller; `guardrails.cli.exits` cannot be asked here."""


INTERRUPTED_EXIT_CODE = 130
"""Ctrl-C while the program is still being loaded; likewise."""


def main() -> None:
    """Run the command line and leave with its exit code."""
    conflict = find_conflict()
    if conflict:
        sys.stderr.write(f"error: {conflict}\n")
        raise SystemExit(CONFLICT_EXIT_CODE)
    try:
        from guardrails.cli.app import run_cli  # noqa: PLC0415  # only after the check
        from guardrails.cli.terminating import terminate_in_order  # noqa: PLC0415  # as above
    except KeyboardInterrupt:
        raise SystemExit(INTERRUPTED_EXIT_CODE) from None
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] != "guardrails":
            raise
        # `pip uninstall guardrails-ai` takes the shared files with it.
        sys.stderr.write(
            f"error: files of guarded-agent are missing ({error}); "
            f"`pip install --force-reinstall guarded-agent` puts them back\n"
        )
        raise SystemExit(CONFLICT_EXIT_CODE) from error
    terminate_in_order()
    raise SystemExit(run_cli(sys.argv[1:]))


def find_conflict() -> str:
    """Return one line on a rival installation, or an empty text."""
    try:
        rival = distribution(RIVAL_DISTRIBUTION)
    except PackageNotFoundError:
        return ""
    return (
        f"{RIVAL_DISTRIBUTION} {rival.version} and guarded-agent both install the import name "
        f"'guardrails' and overwrite each other's files. Keep them in separate environments: "
        f"`pip uninstall {RIVAL_DISTRIBUTION}`, then `pip install --force-reinstall guarded-agent`."
    )


if __name__ == "__main__":
    main()
