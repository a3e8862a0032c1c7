"""``distill``: run, plan, ls, show, path, why, diff, verify, gc, export, import, serve.

Exit 0 fine, 1 a stage failed or a file is damaged, 2 the input is wrong, 3 a teacher fell short of the gate,
130 or 143 stopped by Ctrl-C or SIGTERM.
"""

import argparse
import json
import logging
import os
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from data.artifacts import ArtifactStore
from data.errors import GateFailed, InputError, PipelineError
from data.stores import local_root, name_of, open_store
from flows import (
    command_diff,
    command_export,
    command_gc,
    command_import,
    command_plan,
    command_show,
    command_verify,
    command_why,
)
from flows.distill_pipeline import STAGES
from flows.following import rank
from flows.interruption import exit_code, terminable
from flows.planning import Choice
from flows.records import folder_of, manifests, tables_glob

STAGE_NAMES = tuple(stage.name for stage in STAGES)
ON_STOP = ("Nothing is half done.", "What is committed stays; the same command goes on from there.")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="distill", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def command(name: str, text: str) -> argparse.ArgumentParser:
        added = commands.add_parser(name, help=text, description=text)
        added.add_argument(
            "--artifacts",
            help="root of the store, a folder or s3://bucket/prefix; DISTILL_ARTIFACTS, else artifacts/",
        )
        return added

    def configured(name: str, text: str) -> argparse.ArgumentParser:
        added = command(name, text)
        added.add_argument("name", metavar="NAME|FILE.toml")
        added.add_argument(
            "--set", action="append", default=[], metavar="a.b=value", help="override the TOML"
        )
        added.add_argument("--students", type=_names, default=(), metavar="A,B", help="only these students")
        added.add_argument(
            "--only", choices=STAGE_NAMES, default="", metavar="STAGE", help="make this stage alone"
        )
        added.add_argument(
            "--from",
            dest="start",
            choices=STAGE_NAMES,
            default="",
            metavar="STAGE",
            help="make it and all after anew",
        )
        added.add_argument(
            "--refresh",
            action="append",
            choices=STAGE_NAMES,
            default=[],
            metavar="STAGE",
            help="make it anew",
        )
        return added

    configured("run", "Make what is missing and print the leaderboard.")
    command_plan.add(
        configured("plan", "Say which stages would be reused or run, and why; or what it takes.")
    )
    listing = command("ls", "List the artifacts of the last run.")
    listing.add_argument("name")
    listing.add_argument("--json", action="store_true")
    command_show.add(command("show", "Print the head of a table, or the terms of a passage."))
    path = command("path", "Print the glob of a table's Parquet files, for pl.scan_parquet.")
    path.add_argument("name")
    path.add_argument("table")
    command_export.add(command("export", "Write the answer key of the last run as other tools read it."))
    command_import.add(command("import", "Make a table of answers of another tool's scores."))
    command_why.add(command("why", "Say what a stage's artifacts were made from, and what changed before."))
    command_diff.add(command("diff", "Say what changed between two runs, and what that did to the numbers."))
    command_verify.add(command("verify", "Read every byte of the store again and name each damaged file."))
    command_gc.add(command("gc", "Remove what no run needs; the last run of every name keeps its artifacts."))
    serve = command("serve", "Serve the deployments of prefect.yaml.")
    serve.add_argument("--port", type=int, default=4200, help="of the Prefect server, if none is configured")
    return parser


def _names(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and give its exit code."""
    given = _parser().parse_args(arguments)
    logging.basicConfig(format="%(message)s", level=logging.WARNING)
    logging.getLogger("distill").setLevel(logging.INFO)
    # Threads that wait spin by default, and two programs on one machine then wait for each other for ever.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    if not sys.stderr.isatty():  # the libraries' bars vanish as ours do
        os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    root: str = given.artifacts or os.environ.get("DISTILL_ARTIFACTS", "artifacts")
    try:
        with terminable():
            COMMANDS[given.command](given, open_store(root))
    except KeyboardInterrupt as stopped:
        print(f"distill: stopped. {ON_STOP[given.command == 'run']}", file=sys.stderr)
        return exit_code(stopped)
    except InputError as error:
        print(f"distill: {error}", file=sys.stderr)
        return 2
    except GateFailed as error:
        print(f"distill: {error}\nAll numbers: distill show {Path(given.name).stem} gate", file=sys.stderr)
        return 3
    except PipelineError as error:
        print(f"distill: {error}\nThe whole traceback: {_keep_traceback(local_root(root))}", file=sys.stderr)
        return 1
    except BrokenPipeError:
        return 0
    return 0


def _keep_traceback(root: Path) -> Path:
    path = root / "last-failure.log"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(traceback.format_exc())
    return path


def _run(given: argparse.Namespace, store: ArtifactStore) -> None:
    config, name, rows = command_plan.configured(given, store)
    # A run that has nothing to do reads manifests only: it imports neither Prefect nor torch.
    if any(row.status == "run" for row in rows):
        from flows.command_run import run_with_prefect

        ran, reused = run_with_prefect(config, store, name, command_plan.choice_of(given))
    else:
        from flows.execution import Execution, execute, make_directly

        execution = Execution(store, Choice(), make_directly(store))
        execute(config, name, execution)
        ran, reused = 0, len(rows)
    if not rank():
        _print_report(store, name)
        print(f"{ran} stages run, {reused} reused")


def _print_report(store: ArtifactStore, name: str) -> None:
    for row, manifest in manifests(store, name):
        if row.stage == "write_report":
            print(store.path(manifest.ref, "leaderboard.md").read_text())
            store.path(manifest.ref, "report.html")  # fetched, if it lies on an object store
            files = folder_of(store, name) / "files"
            print(f"report: {files / 'write_report-report.html'}")


def _ls(given: argparse.Namespace, store: ArtifactStore) -> None:
    listed: list[dict[str, Any]] = [
        {
            "stage": row.stage,
            "of": row.of,
            "key": row.key,
            "rows": {name: part.rows for name, part in manifest.parts.items() if part.rows is not None},
            "size_bytes": sum(entry.size_bytes for part in manifest.parts.values() for entry in part.files),
            "seconds": manifest.seconds,
            "finished_at": manifest.finished_at,
            "facts": manifest.facts,
        }
        for row, manifest in manifests(store, given.name)
    ]
    if given.json:
        print(json.dumps({"artifacts": listed}, indent=1))
        return
    for each in listed:
        rows = ", ".join(f"{name.removesuffix('.parquet')} {count}" for name, count in each["rows"].items())
        print(
            f"{each['stage']:17} {each['of']:24} {each['key']:20} {each['size_bytes'] / 1e6:9.2f} MB "
            f"{each['seconds']:8.1f} s  {rows}"
        )


def _path(given: argparse.Namespace, store: ArtifactStore) -> None:
    print(tables_glob(store, given.name, given.table))


def _serve(given: argparse.Namespace, store: ArtifactStore) -> None:
    from flows.serve import serve_deployments

    serve_deployments(given.port, name_of(store))


COMMANDS = {
    "run": _run,
    "plan": command_plan.run,
    "ls": _ls,
    "show": command_show.run,
    "path": _path,
    "why": command_why.run,
    "diff": command_diff.run,
    "verify": command_verify.run,
    "gc": command_gc.run,
    "export": command_export.run,
    "import": command_import.run,
    "serve": _serve,
}

if __name__ == "__main__":
    sys.exit(main())
