"""Generate the code beside each .proto of proto/wire/v1; with --check, fail if what is checked in differs.

Uses the pinned grpcio-tools, the oldest the project supports: generated code runs on that runtime and every newer one.
"""

import argparse
import filecmp
import sys
import tempfile
from importlib import resources
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SOURCES = ROOT / "proto"
SUFFIXES = ("_pb2.py", "_pb2.pyi", "_pb2_grpc.py", "_pb2_grpc.pyi")


def generated_into(folder: Path) -> None:
    """Run protoc with the Python, gRPC and mypy plugins, writing below `folder`."""
    from grpc_tools import protoc

    protos = sorted(str(path.relative_to(SOURCES)) for path in SOURCES.glob("wire/v1/*.proto"))
    includes = [f"-I{SOURCES}", f"-I{resources.files('grpc_tools') / '_proto'}"]
    plugins = [
        f"--plugin={name}={Path(sys.executable).parent / name}" for name in ("protoc-gen-mypy", "protoc-gen-mypy_grpc")
    ]
    outputs = [f"--{kind}_out={folder}" for kind in ("python", "grpc_python", "mypy", "mypy_grpc")]
    status = protoc.main(["protoc", *includes, *plugins, *outputs, *protos])
    if status:
        raise SystemExit(f"protoc failed with status {status}")


def drifted(fresh: Path, present: Path) -> list[str]:
    """Return the names of generated files that differ, are missing, or have no .proto any more."""
    names = {path.name for folder in (fresh, present) for path in folder.iterdir() if path.name.endswith(SUFFIXES)}
    return sorted(name for name in names if not _same(fresh / name, present / name))


def _same(left: Path, right: Path) -> bool:
    return left.exists() and right.exists() and filecmp.cmp(left, right, shallow=False)


def main() -> int:
    """Generate, or check with --check."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="change nothing; exit 1 if the checked-in code is stale")
    arguments = parser.parse_args()
    if not arguments.check:
        generated_into(SOURCES)
        return 0
    with tempfile.TemporaryDirectory() as folder:
        generated_into(Path(folder))
        stale = drifted(Path(folder) / "wire" / "v1", SOURCES / "wire" / "v1")
    if stale:
        print(f"generated code is stale: {', '.join(stale)}; run: python scripts/generate_protos.py")
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
