#!/usr/bin/env bash
# Opt-in: packages judged by programs that nobody of this project wrote. Needs python3 with venv, openssl, and for
# the parts marked so qpdf, xmllint, java with mvn; what is not there is named and skipped, never passed over silently.
#
#   desk/evidence/tests/checkers.sh            makes the demonstration package and checks it
#   desk/evidence/tests/checkers.sh DIR        checks the package and court set in DIR
#
# Python tools go into their own environment under the target folder. Last line: N passed, N failed, N skipped.
set -uo pipefail
root=$(cd "$(dirname "$0")/../../.." && pwd)
work=${CARGO_TARGET_DIR:-$root/target}/checkers
venv=$work/venv
mkdir -p "$work"
passed=0 failed=0 skipped=0

check() { # name, command...
    local name=$1
    shift
    if "$@" >"$work/log" 2>&1; then
        passed=$((passed + 1))
        echo "ok       $name"
    else
        failed=$((failed + 1))
        echo "FAILED   $name: $*"
        tail -n 20 "$work/log" | sed 's/^/         /'
    fi
}
refuses() { # name, command... : passes when the command fails
    local name=$1
    shift
    if "$@" >"$work/log" 2>&1; then
        failed=$((failed + 1))
        echo "FAILED   $name: was accepted"
    else
        passed=$((passed + 1))
        echo "ok       $name"
    fi
}
skip() {
    skipped=$((skipped + 1))
    echo "skipped  $1: $2"
}

demo() { cargo run --quiet --manifest-path "$root/Cargo.toml" -p streife-evidence --example demo_package -- "$@"; }

if [ $# -ge 1 ]; then
    out=$1
else
    out=$work/out
    rm -rf "$out"
    demo create "$out" || exit 1
fi
container=$(find "$out" -maxdepth 1 -name '*.zip' | head -n 1)
court=$(find "$out" -maxdepth 1 -type d -name '*_gericht' | head -n 1)
[ -n "$container" ] || { echo "no package in $out"; exit 2; }
check "streife verify" demo verify "$container"

rm -rf "$work/unpacked" && mkdir -p "$work/unpacked"
check "unpack with python's zipfile" python3 -m zipfile -e "$container" "$work/unpacked"
bag=$(find "$work/unpacked" -mindepth 1 -maxdepth 1 -type d)
check "streife verify, unpacked" demo verify "$bag"

# LIESMICH.txt alone: sha256sum and openssl.
cd "$bag" || exit 1
check "sha256sum, payload" sha256sum --quiet --strict -c manifest-sha256.txt
check "sha256sum, tag files" sha256sum --quiet --strict -c tagmanifest-sha256.txt
check "openssl pkeyutl, signature" openssl pkeyutl -verify -pubin -inkey unterzeichner.pem -rawin \
    -in tagmanifest-sha256.txt -sigfile tagmanifest-sha256.txt.sig
check "openssl ts, service 1" openssl ts -verify -data tagmanifest-sha256.txt -in tagmanifest-sha256.txt.tsr -CAfile zeitstempel-1-ca.pem
check "openssl ts, service 2" openssl ts -verify -data tagmanifest-sha256.txt -in tagmanifest-sha256.txt.2.tsr -CAfile zeitstempel-2-ca.pem
refuses "openssl ts, other data" openssl ts -verify -data manifest-sha256.txt -in tagmanifest-sha256.txt.tsr -CAfile zeitstempel-1-ca.pem

# Python's checkers.
if ! "$venv/bin/python" -c "import stix2, pymisp, wacz, rfc3161_client" 2>/dev/null; then
    python3 -m venv "$venv" && "$venv/bin/pip" install --quiet warcio==1.8.1 wacz==0.6.0 bagit==1.9.0 setuptools==65.5.0 \
        rfc3161-client==1.0.9 jsonschema==4.26.0 pyhanko==0.38.0 stix2==3.0.1 pymisp==2.5.34.4 2>/dev/null
fi
if [ -x "$venv/bin/wacz" ]; then
    check "bagit.py" "$venv/bin/bagit.py" --validate --quiet .
    check "wacz validate" "$venv/bin/wacz" validate -f data/archive/capture.wacz
    mkdir -p "$work/wacz" && python3 -m zipfile -e data/archive/capture.wacz "$work/wacz"
    check "warcio check" "$venv/bin/warcio" check "$work/wacz/archive/data.warc.gz"
    check "jsonschema, referral.json" "$venv/bin/python" -W ignore -m jsonschema -i data/referral.json "$root/schemas/referral/referral.v1.schema.json"
    cat >"$work/rfc3161.py" <<'PY'
import pathlib, sys
from cryptography import x509
from rfc3161_client import decode_timestamp_response, VerifierBuilder
data, reply, root = (pathlib.Path(p).read_bytes() for p in sys.argv[1:4])
verifier = VerifierBuilder().add_root_certificate(x509.load_pem_x509_certificate(root)).build()
assert verifier.verify_message(decode_timestamp_response(reply), data)
PY
    for number in 1 2; do
        tsr=tagmanifest-sha256.txt.tsr
        [ $number = 2 ] && tsr=tagmanifest-sha256.txt.2.tsr
        check "rfc3161-client, service $number" "$venv/bin/python" "$work/rfc3161.py" tagmanifest-sha256.txt "$tsr" "zeitstempel-$number-ca.pem"
    done
    cat >"$work/pdf.py" <<'PY'
import sys
from pyhanko.pdf_utils.reader import PdfFileReader
reader = PdfFileReader(open(sys.argv[1], "rb"), strict=True)
assert reader.root["/MarkInfo"]["/Marked"] and reader.root["/Lang"] == "de-DE" and "/StructTreeRoot" in reader.root
PY
    check "pyHanko, strict reading and tags" "$venv/bin/python" "$work/pdf.py" data/report.pdf
    if [ -f "$out/stix.json" ]; then
        # The wheel of stix2-validator 3.3.1 comes without its schemas; the library of the same standard is strict too.
        check "stix2" "$venv/bin/python" -c 'import sys, stix2; assert stix2.parse(open(sys.argv[1]).read(), allow_custom=False).objects' "$out/stix.json"
        cat >"$work/misp.py" <<'PY'
import sys
from pymisp import MISPEvent
event = MISPEvent()
event.load_file(sys.argv[1], validate=True)
assert event.attributes and any(tag.name.startswith("tlp:") for tag in event.tags)
PY
        check "pymisp" "$venv/bin/python" "$work/misp.py" "$out/misp.json"
    else
        skip "stix2, pymisp" "no exchange files in $out"
    fi
else
    skip "bagit.py, wacz, warcio, jsonschema, rfc3161-client, pyHanko" "no Python packages"
fi

if command -v xmllint >/dev/null; then
    check "xmllint, container" xmllint --noout --schema "$root/schemas/referral/referral.v1.xsd" data/referral.xml
    [ -n "$court" ] && check "xmllint, court set" xmllint --noout --schema "$root/schemas/referral/referral.v1.xsd" "$court"/*_Datensatz.xml
else
    skip xmllint "not there (package libxml2-utils)"
fi
pdfs=(data/report.pdf)
[ -n "$court" ] && pdfs+=("$court"/01_Uebersendungsschreiben.pdf "$court"/02_Bericht.pdf)
if command -v qpdf >/dev/null; then
    for pdf in "${pdfs[@]}"; do check "qpdf, $(basename "$pdf")" qpdf --check "$pdf"; done
else
    skip qpdf "not there (package qpdf)"
fi
if command -v mvn >/dev/null && command -v java >/dev/null; then
    if [ ! -d "$work/verapdf/lib" ]; then
        mkdir -p "$work/verapdf"
        cat >"$work/verapdf/pom.xml" <<'POM'
<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>
  <groupId>local</groupId><artifactId>checkers</artifactId><version>1</version>
  <dependencies><dependency><groupId>org.verapdf.apps</groupId><artifactId>greenfield-apps</artifactId><version>1.28.2</version></dependency></dependencies>
</project>
POM
        (cd "$work/verapdf" && mvn -q -B dependency:copy-dependencies -DoutputDirectory=lib >/dev/null 2>&1)
    fi
    verapdf() { # fails unless the first word is PASS
        java -cp "$work/verapdf/lib/*" org.verapdf.apps.GreenfieldCliWrapper --flavour 2a --format text "$1" 2>/dev/null | grep '^PASS'
    }
    for pdf in "${pdfs[@]}"; do check "veraPDF PDF/A-2a, $(basename "$pdf")" verapdf "$pdf"; done
else
    skip veraPDF "java or mvn not there"
fi
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" = 0 ]
