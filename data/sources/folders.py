"""A collection in a folder: which of its files are passages, queries and judgements.

    <folder>/corpus.*    <folder>/queries.*    <folder>/qrels/{train,dev,test}.*

The collection *is* the contents of these files: the same files in another folder are the same
collection, and other files beside them do not matter.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from data.digests import FileDigests
from data.errors import CollectionError
from data.splits import Split

SPLIT_FILES: dict[Split, tuple[str, ...]] = {
    "train": ("train",),
    "dev": ("dev", "validation"),
    "test": ("test",),
}


@dataclass(frozen=True)
class Files:
    """The files of one collection."""

    passages: Path
    queries: Path
    judgements: dict[Split, Path]


@dataclass(frozen=True)
class Layout:
    """How the files of a kind of folder are named."""

    passages: tuple[str, ...]
    queries: tuple[str, ...]
    judgement_suffixes: tuple[str, ...]

    def find(self, folder: Path) -> Files:
        """Find the files in ``folder``. Judgements may be missing, whole or in part.

        Raises:
            CollectionError: the folder or a file is missing, or two files claim one part.
        """
        if not folder.is_dir():
            raise CollectionError(
                str(folder),
                found="no folder",
                expected=f"a folder with {self.passages[0]}, {self.queries[0]} and qrels/",
                advice="Correct source.path; a relative path starts at the working directory.",
            )
        return Files(
            passages=self._required(folder, self.passages),
            queries=self._required(folder, self.queries),
            judgements=self._judgements(folder / "qrels"),
        )

    def identify(self, folder: Path, digests: FileDigests) -> dict[str, str]:
        """What the collection is: the digest of each of its files, by its name in the folder.

        Raises:
            CollectionError: as ``find``.
        """
        files = self.find(folder)
        paths = [files.passages, files.queries, *files.judgements.values()]
        return {path.relative_to(folder).as_posix(): digests.sha256(path) for path in paths}

    def _required(self, folder: Path, names: tuple[str, ...]) -> Path:
        found = _only_one(folder, names)
        if found is None:
            inside = ", ".join(sorted(path.name for path in folder.iterdir())[:8]) or "nothing"
            raise CollectionError(
                str(folder),
                found=inside,
                expected=" or ".join(names),
                advice="Add the file, or choose another source.kind.",
            )
        return found

    def _judgements(self, folder: Path) -> dict[Split, Path]:
        files: dict[Split, Path] = {}
        taken: set[str] = set()
        for split, stems in SPLIT_FILES.items():
            names = tuple(stem + suffix for stem in stems for suffix in self.judgement_suffixes)
            found = _only_one(folder, names)
            if found is not None:
                files[split] = found
                taken.add(found.name)
        for path in sorted(folder.glob("*")):
            if path.name.endswith(self.judgement_suffixes) and path.name not in taken:
                _refuse_name(path, self.judgement_suffixes[0])
        return files


def _only_one(folder: Path, names: tuple[str, ...]) -> Path | None:
    found = [folder / name for name in names if (folder / name).is_file()]
    if len(found) > 1:
        raise CollectionError(
            str(folder),
            found=" and ".join(path.name for path in found),
            expected="one of them",
            advice="Remove the one that is out of date.",
        )
    return found[0] if found else None


def _refuse_name(path: Path, suffix: str) -> NoReturn:
    known = ", ".join(stem + suffix for stems in SPLIT_FILES.values() for stem in stems)
    raise CollectionError(
        str(path), found="a name of no split", expected=known, advice="Rename the file or move it elsewhere."
    )
