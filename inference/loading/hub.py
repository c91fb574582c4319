"""The folder behind a path or a hub name, found before the heavy modules are loaded."""

import errno
import re
import ssl
from collections.abc import Iterable, Iterator
from pathlib import Path

from inference.loading.identify import identify
from inference.loading.weight_files import STEMS, indexed_files
from inference.requests import CheckpointError

_HUB_NAME = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]+(@[\w./-]+)?")
_SMALL = (".json", "tokenizer.model")
_ADAPTERS = ("adapter_model.safetensors", "adapter_model.bin")
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_OS_ERROR = re.compile(r"\(os error (\d+)\)")


def find_local(name: str) -> Path | None:
    """Return what lies here of a path or a hub name; None for a name that is not downloaded yet.

    Raises:
        CheckpointError: It is neither something here nor a hub name.
    """
    try:
        path = Path(name).expanduser()
        if path.exists():
            return path
    except (OSError, RuntimeError) as error:  # no right to look, or no home
        raise CheckpointError(
            f"{name} cannot be looked at ({error}). Check the path and its rights."
        ) from error
    if not _HUB_NAME.fullmatch(name):
        raise CheckpointError(
            f"{name}: there is no folder here of this name. Give a folder or a hub name."
        )
    from huggingface_hub import snapshot_download

    repository, _, revision = name.partition("@")
    try:
        return Path(snapshot_download(repository, revision=revision or None, local_files_only=True))
    except Exception:  # nothing of it is in the hub's cache, whatever error the client raises
        return None


def fetch(name: str) -> Path:
    """Return the folder behind a path or a hub name (`owner/name` or `owner/name@revision`).

    A hub repository is downloaded once into the hub's own cache. If it is complete there, the hub
    is not asked again. Only weights, configuration and the tokenizer are fetched, no code.

    Raises:
        CheckpointError: There is no such folder, and nothing by this name can be downloaded.
    """
    local = find_local(name)
    if local is not None and (Path(name).expanduser() == local or not identify(local).faults):
        return local
    repository, _, revision = name.partition("@")
    try:
        return _download(repository, revision or None)
    except CheckpointError:
        raise
    except Exception as error:  # the hub's client raises its own, the network's and the disk's
        what, to_do = _cause(error)
        raise CheckpointError(f"{name} could not be downloaded: {what}. {to_do}") from error


def _download(repository: str, revision: str | None) -> Path:
    """Fetch the small files and one form of the weights."""
    from huggingface_hub import HfApi, hf_hub_download, snapshot_download

    info = HfApi().model_info(repository, revision=revision)
    files = {each.rfilename for each in info.siblings or () if "/" not in each.rfilename}

    def shards(index: str) -> set[str]:
        path = hf_hub_download(repository, index, revision=revision)
        return set(indexed_files(Path(path)).values())

    wanted = {file for file in files if file.endswith(_SMALL)}
    for stem in STEMS:
        index = f"{stem}.index.json"
        weights = {stem} if stem in files else shards(index) if index in files else set[str]()
        if weights and weights <= files:
            wanted |= weights
            break
    else:
        wanted |= files.intersection(_ADAPTERS)
    return Path(snapshot_download(repository, revision=revision, allow_patterns=sorted(wanted)))


def _cause(error: BaseException) -> tuple[str, str]:
    """Return why a download failed, and what to do."""
    chain = list(_chain(error))
    return next(
        _known_causes(chain),
        (
            f"the hub could not be reached ({type(chain[-1]).__name__})",
            "Check the network, the proxy and HF_ENDPOINT, or copy the repository's files to a "
            "folder and give that folder.",
        ),
    )


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _known_causes(chain: Iterable[BaseException]) -> Iterator[tuple[str, str]]:
    from huggingface_hub import constants, errors

    for each in chain:
        if isinstance(each, errors.GatedRepoError):
            yield (
                "its publisher asks for consent first",
                "Agree on the repository's page and set HF_TOKEN to a token of that account.",
            )
        if isinstance(each, errors.HFValidationError):
            yield "this is not a name that the hub allows", "Correct the name."
        if isinstance(each, errors.RevisionNotFoundError):
            yield "it has no such revision", "Correct what stands behind the @, or leave it out."
        if isinstance(each, errors.RepositoryNotFoundError):
            yield (
                "the hub has no such repository, or it is private",
                "Correct the name; for a private repository set HF_TOKEN.",
            )
        if isinstance(each, errors.OfflineModeIsEnabled):
            yield (
                "HF_HUB_OFFLINE is set and the hub's cache does not hold all of it",
                "Unset it for one start, or copy the repository's files to a folder and give that "
                "folder.",
            )
        if isinstance(each, errors.HfHubHTTPError):
            yield from _by_status(each.response.status_code)
        if isinstance(each, ssl.SSLError):
            yield (
                "the hub's certificate was refused",
                "Check the clock; behind a proxy of your own set SSL_CERT_FILE to its certificate.",
            )
        cache = constants.HF_HUB_CACHE
        found = _OS_ERROR.search(str(each))
        number = int(found[1]) if found else getattr(each, "errno", None)
        if number in _FULL:
            yield "the disk is full", f"Free space in {cache}, or set HF_HOME to a larger disk."
        if isinstance(each, PermissionError | NotADirectoryError) or number == errno.EROFS:
            yield (
                f"the hub's cache {cache} cannot be written",
                "Give the service's user the right to write there, or set HF_HOME to another "
                "folder.",
            )


def _by_status(status: int) -> Iterator[tuple[str, str]]:
    if status == 429:
        yield (
            "the hub takes no more requests for a while (429)",
            "Try again in some minutes, or set HF_TOKEN, which raises the limit.",
        )
    if status in {401, 403}:
        yield (
            f"the hub refuses access ({status})",
            "Check HF_TOKEN, or unset it for a public repository.",
        )
    if status >= 500:
        yield f"the hub has a fault of its own ({status})", "Try again later."
