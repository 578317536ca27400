"""Files of the Hugging Face Hub: what a name points to, fetched once, never executed.

Only the asked-for file patterns are fetched, into the Hub's own cache; without a network the cache answers.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from alambique.errors import UserInputError

PACKAGE = "package:"  # how a model's name begins that is a folder of an installed package, not of the Hub
_ID = re.compile(r"[\w.-]+(/[\w.-]+)?")


@dataclass(frozen=True)
class Snapshot:
    """A repository's files at one commit."""

    folder: Path
    commit: str


class NotOnHubError(UserInputError):
    """The Hub answered that there is no such repository or revision."""


class NoNetworkError(UserInputError):
    """The Hub cannot be reached and its cache does not hold the files."""


def is_id(name: str) -> bool:
    """Whether ``name`` can be a Hub id: ``owner/name`` or ``name``, and no path."""
    return bool(_ID.fullmatch(name)) and not name.startswith(".") and "/." not in name


def snapshot(
    name: str,
    kind: Literal["model", "dataset"],
    patterns: list[str],
    *,
    key: str,
    revision: str | None = None,
    offline: bool = False,
) -> Snapshot:
    """Fetch the files of a repository that match ``patterns``, or take them from the cache.

    Args:
        name: the Hub id.
        kind: model or dataset.
        patterns: which files, as globs.
        key: the recipe key that holds the name, for messages.
        revision: branch, tag or commit; the main branch by default.
        offline: look in the cache alone.

    Raises:
        NotOnHubError: the Hub has no such repository or revision, or gives no access to it.
        NoNetworkError: the Hub does not answer and the cache holds nothing.
    """
    from huggingface_hub import snapshot_download  # noqa: PLC0415 - it takes 0.3 s, and local data needs none of it
    from huggingface_hub.errors import (  # noqa: PLC0415
        GatedRepoError,
        HfHubHTTPError,
        LocalEntryNotFoundError,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    try:
        folder = snapshot_download(name, repo_type=kind, revision=revision, allow_patterns=patterns, tqdm_class=None,
                                   local_files_only=offline)  # fmt: skip
    except GatedRepoError as error:
        raise NotOnHubError(
            f"{key}: {name} is gated on the Hub. Accept its terms there, then log in with `hf auth login`."
        ) from error
    except (RepositoryNotFoundError, RevisionNotFoundError) as error:
        what = f"the Hub has no {kind} {name}" + (f" with revision {revision}" if revision else "")
        raise NotOnHubError(
            f"{key}: {what} (or it is private: log in with `hf auth login`), and there is no such folder here."
        ) from error
    except LocalEntryNotFoundError as error:
        raise NoNetworkError(
            f"{key}: {name} is not in the local cache and the Hub cannot be reached. Connect once and run again; or run "
            f"`hf download {name}{' --repo-type dataset' if kind == 'dataset' else ''}` where there is a network and "
            f"copy its cache folder here; or give a local folder, as in --set {key}=FOLDER."
        ) from error
    except HfHubHTTPError as error:
        raise NoNetworkError(f"{key}: the Hub did not give {name}: {str(error).splitlines()[0]}") from error
    path = Path(folder)
    return Snapshot(path, path.name)
