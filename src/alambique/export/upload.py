"""The Hub: student, ONNX files and card as one commit of a model repository."""

from pathlib import Path

from alambique.errors import UserInputError, first_line
from alambique.progress import Reporter
from alambique.run.folder import RunFolder
from alambique.run.integrity import read_json
from alambique.run.layout import EXPORT_FACTS, HISTORY, MODEL_CARD, ONNX, ONNX_FILES, STUDENT
from alambique.run.manifest import MANIFEST
from alambique.run.system_errors import explain_system_error

HUB = "hub"
# the names that transformers.js and Optimum look for
HUB_FILES = {ONNX_FILES["int8"]: "model_quantized.onnx"}


class HubError(UserInputError):
    """The Hub cannot be reached, or does not take what it is sent."""


def check_repository(name: str) -> None:
    """Refuse what can be no repository before anything else is done.

    Raises:
        HubError: it is none.
    """
    from huggingface_hub.errors import HFValidationError  # noqa: PLC0415 - it takes 0.3 s
    from huggingface_hub.utils import validate_repo_id  # type: ignore[attr-defined]  # noqa: PLC0415

    try:
        validate_repo_id(name)
    except HFValidationError as error:
        raise HubError(f"--repo {name} is not the name of a repository; write it as owner/name.") from error
    if "/" not in name:
        raise HubError(f"--repo {name} has no owner; write it as owner/name.")


def push(run: RunFolder, repository: str, card: str, *, private: bool, reporter: Reporter) -> str:
    """Make the repository if it is not there, and add one commit with all of the student.

    Nothing that is made of the data's texts is sent: no rows, no logits, no report.

    Args:
        run: with its student, and what of it was exported.
        repository: ``owner/name``.
        card: Markdown with metadata, the repository's README.md.
        private: of a repository that is made now.
        reporter: where progress goes.

    Returns:
        The address of the repository.

    Raises:
        HubError: nobody is logged in, the Hub cannot be reached, or refuses; no file of the repository was changed.
        CorruptArtefactError: a file is not what was written.
    """
    from huggingface_hub import CommitOperationAdd, HfApi  # noqa: PLC0415
    from huggingface_hub.errors import HfHubHTTPError, HTTPError, LocalTokenNotFoundError  # type: ignore[attr-defined]  # noqa: PLC0415

    files = _files(run)
    operations = [CommitOperationAdd(MODEL_CARD, card.encode())]
    operations += [CommitOperationAdd(name, str(path)) for name, path in files.items()]
    api = HfApi()
    try:
        with reporter.stage(f"push to {repository}") as step:
            step.start(2)
            made = api.create_repo(repository, private=private, exist_ok=True, token=True)
            step.advance()
            api.create_commit(
                repository, operations, commit_message="Student, ONNX files and card, made by Alambique", token=True
            )
            step.advance()
    except LocalTokenNotFoundError as error:
        raise HubError(
            "To push to the Hub, log in once with `hf auth login`, or set HF_TOKEN to a token that may write."
        ) from error
    except HfHubHTTPError as error:
        raise HubError(_refusal(error, repository, api.endpoint, error.response.status_code)) from error
    except ValueError as error:  # it judges the card's metadata first
        raise HubError(_refusal(error, repository, api.endpoint)) from error
    except (HTTPError, OSError, RuntimeError) as error:  # the last: an upload that broke off
        ours = explain_system_error(error, run.path)
        if ours is not None:
            raise ours from error
        why = first_line(error.__cause__ or error).rstrip(".")
        raise HubError(
            f"{api.endpoint} cannot be reached ({why}). No file was changed there; give the same command again."
        ) from error
    return str(made)


def _files(run: RunFolder) -> dict[str, str]:
    """Name on the Hub → path here, of files that are as they were written; whatever else lies there is the user's."""
    student = run.artefact(STUDENT).folder
    found = {name: str(student / name) for name in _named(student) if name != HISTORY}
    if (run.path / ONNX / MANIFEST).is_file():
        onnx = run.artefact(ONNX).folder
        named = _named(onnx)
        for name in (*ONNX_FILES.values(), EXPORT_FACTS):
            if name in named:
                found[f"{ONNX}/{HUB_FILES.get(name, name)}"] = str(onnx / name)
    return found


def _named(folder: Path) -> list[str]:
    return sorted(read_json(folder / MANIFEST)["files"])


def _refusal(error: Exception, repository: str, endpoint: str, status: int | None = None) -> str:
    if status in (401, 403):
        return (
            f"{endpoint} does not let you write to {repository} (status {status}). Log in with `hf auth login` and a token "
            "that may write there, or choose another --repo."
        )
    why = first_line(error).rstrip(".")
    return f"{endpoint} refused {repository}: {why}. Nothing half-written stays there; run it again later."
