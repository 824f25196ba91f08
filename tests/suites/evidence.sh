#!/usr/bin/env bash
# The evidence suite: the long tests of the crates, then one referral of a decided case made by the program itself, judged
# by programs that nobody of this project wrote, and by a stranger who has nothing but LIESMICH.txt.
#
#   STREIFE_EVIDENCE_DIR   judge the package in this folder instead of making one
#
# Installs what it needs through apt-get, pip and mvn, where it may; what is not there is named and counted as ignored.
set -uo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
cd "$root" || exit 1
target=${CARGO_TARGET_DIR:-$root/target}
work=$target/evidence-suite
venv=$work/venv
mkdir -p "$work"
passed=0 failed=0 ignored=0

check() { # name, command... : passes when the command succeeds
    local name=$1
    shift
    if "$@" >"$work/log" 2>&1; then
        passed=$((passed + 1)) && echo "ok       $name"
    else
        failed=$((failed + 1)) && echo "FAILED   $name: $*"
        tail -n 20 "$work/log" | sed 's/^/         /'
    fi
}
refuses() { # name, command... : passes when the command fails
    local name=$1
    shift
    if "$@" >"$work/log" 2>&1; then
        failed=$((failed + 1)) && echo "FAILED   $name: was accepted"
    else
        passed=$((passed + 1)) && echo "ok       $name"
    fi
}
finds() { # name, command... : passes when the command reports a finding, exit code 1, and not a usage error
    local name=$1 code=0
    shift
    "$@" >"$work/log" 2>&1 || code=$?
    if [ "$code" = 1 ]; then
        passed=$((passed + 1)) && echo "ok       $name"
    else
        failed=$((failed + 1)) && echo "FAILED   $name: exit code $code"
    fi
}
skip() { ignored=$((ignored + 1)) && echo "skipped: $1: $2"; }
finish() {
    local word=ok
    [ "$failed" = 0 ] || word=FAILED
    echo "test result: $word. $passed passed; $failed failed; $ignored ignored"
    [ "$failed" = 0 ]
    exit
}

# What the checkers need.
need() { # program, Debian package
    command -v "$1" >/dev/null && return 0
    [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null || return 1
    [ -e "$work/apt-updated" ] || { apt-get update -qq >/dev/null 2>&1 && touch "$work/apt-updated"; }
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$2" >/dev/null 2>&1
    command -v "$1" >/dev/null
}
need openssl openssl || { echo "openssl is needed"; exit 1; }
need qpdf qpdf
need xmllint libxml2-utils
need pdftotext poppler-utils
need java default-jre-headless
need mvn maven
if ! "$venv/bin/python" -c "import stix2, pymisp, wacz, rfc3161_client, pyhanko" 2>/dev/null; then
    python3 -m venv "$venv" && "$venv/bin/pip" install --quiet warcio==1.8.1 wacz==0.6.0 bagit==1.9.0 \
        setuptools==65.5.0 rfc3161-client==1.0.9 jsonschema==4.26.0 pyhanko==0.38.0 stix2==3.0.1 pymisp==2.5.34.4 \
        stix2-validator==3.2.0 >/dev/null 2>&1
fi

# Tests of the crates, the long ones too. They count one by one; a runner that does not even start counts as one failure.
# One selection of packages throughout: another one would build everything they rest on anew.
packages=(-p streife-evidence -p streife-referral -p streife-app)
crate_tests() { # name, arguments of cargo test
    local name=$1 code=0 counts
    shift
    cargo test --locked --quiet --no-fail-fast "${packages[@]}" "$@" >"$work/log" 2>&1 || code=$?
    read -r -a counts < <(awk '/^test result:/ { for (i = 1; i <= NF; i++) { if ($i ~ /^passed/) p += $(i-1); if ($i ~ /^failed/) f += $(i-1) } }
        END { print p + 0, f + 0 }' "$work/log")
    passed=$((passed + counts[0])) failed=$((failed + counts[1]))
    if [ "$code" = 0 ] && [ "${counts[0]}" -gt 0 ]; then
        echo "ok       $name: ${counts[0]} tests"
    else
        [ "${counts[1]}" -gt 0 ] || failed=$((failed + 1))
        echo "FAILED   $name: cargo test $*"
        grep -E '^(error|test .*FAILED|---- )|panicked' -A 6 "$work/log" | tail -n 60 | sed 's/^/         /'
    fi
}
if [ -z "${STREIFE_EVIDENCE_DIR:-}" ]; then
    without=()
    leave_out() { without+=(--skip "$1") && skip "$2" "$3"; }
    need chromium chromium || leave_out browser "pages in a real browser" "no chromium"
    sh tests/servers/wordpress.sh fetch || leave_out wordpress "pages of WordPress" "it cannot be had here"
    sh tests/servers/gotosocial.sh fetch || leave_out gotosocial "pages of GoToSocial" "it cannot be had here"
    unshare --map-root-user --mount true 2>/dev/null || leave_out disk "a full disk" "no namespaces for a disk of its own"
    crate_tests "evidence and referral (a thousand changed packages, a browser, a full disk)" \
        --lib --test '*' -- --include-ignored "${without[@]}"
    crate_tests "time-stamp client, page capture, hand-over" --bin streife -- --include-ignored evidence "${without[@]}"
    check "build" cargo build --locked --quiet "${packages[@]}" --bin streife
fi
streife=$target/debug/streife
export STREIFE_HOME=$root

# One referral, from a decided case.
out=${STREIFE_EVIDENCE_DIR:-$work/out}
if [ -z "${STREIFE_EVIDENCE_DIR:-}" ]; then
    rm -rf "$out"
    check "referral of a decided case" "$streife" referral create --demo --out "$out"
fi
container=$(find "$out" -maxdepth 1 -name '*.zip' | head -n 1)
court=$(find "$out" -maxdepth 1 -type d -name '*_gericht' | head -n 1)
exchange=$(find "$out" -maxdepth 1 -type d -name '*_austausch' | head -n 1)
[ -n "$container" ] && [ -n "$court" ] && [ -n "$exchange" ] || { echo "no package in $out"; failed=$((failed + 1)); finish; }

rm -rf "$work/unpacked" && mkdir -p "$work/unpacked"
check "unpack with python's zipfile" python3 -m zipfile -e "$container" "$work/unpacked"
bag=$(find "$work/unpacked" -mindepth 1 -maxdepth 1 -type d)
check "streife verify" "$streife" verify "$container"
check "streife verify, unpacked" "$streife" verify "$bag"
cat "$bag"/zeitstempel-*-ca.pem >"$work/roots.pem"
printf '%064d' 0 >"$work/other.key"
check "streife verify, trusted roots and key" "$streife" verify "$container" --trust "$work/roots.pem" --signer "$bag/unterzeichner.pem"
finds "streife verify, another key" "$streife" verify "$container" --signer "$work/other.key"
finds "streife verify, one root of two" "$streife" verify "$container" --trust "$bag/zeitstempel-1-ca.pem"
finds "streife verify, three services wanted" "$streife" verify "$container" --services 3

# A stranger: the commands of LIESMICH.txt, literally, in a clean environment. Each must do what the text promises.
stranger() {
    local text=$bag/LIESMICH.txt
    # Commands stand indented and unwrapped by a backslash at the end of the line.
    sed -e ':a' -e '/\\$/N; s/\\\n *//; ta' "$text" | sed -n 's/^   \(sha256sum .*\|find .*\|cut .*\|openssl .*\)$/\1/p' >"$work/commands"
    [ "$(wc -l <"$work/commands")" -ge 8 ] || { cat "$work/commands"; return 1; }
    (cd "$bag" && env -i PATH="$PATH" HOME=/nonexistent LANG=C bash -eo pipefail "$work/commands") >"$work/stranger" 2>&1 || { cat "$work/stranger"; return 1; }
    ! grep -q 'FAILED' "$work/stranger" && [ "$(grep -c 'Verification: OK' "$work/stranger")" = 2 ] &&
        grep -q 'Signature Verified Successfully' "$work/stranger" && ! grep -q '^[<>]' "$work/stranger"
}
check "a stranger with LIESMICH.txt alone" stranger
cp -r "$bag" "$work/unpacked/forged" && printf ' ' >>"$work/unpacked/forged/data/why.json"
bag_good=$bag bag=$work/unpacked/forged
refuses "the same stranger, one byte added" stranger
bag=$bag_good && rm -rf "$work/unpacked/forged"
cp -r "$bag" "$work/unpacked/forged" && echo x >"$work/unpacked/forged/data/more.txt"
bag=$work/unpacked/forged
refuses "the same stranger, one file added" stranger
rm "$work/unpacked/forged/data/more.txt" && echo x >"$work/unpacked/forged/more.txt"
refuses "the same stranger, one file added beside data" stranger
bag=$bag_good && rm -rf "$work/unpacked/forged"

cd "$bag" || exit 1
for number in 1 2; do
    tsr=tagmanifest-sha256.txt.tsr
    [ $number = 2 ] && tsr=tagmanifest-sha256.txt.2.tsr
    check "openssl ts, service $number" openssl ts -verify -data tagmanifest-sha256.txt -in "$tsr" -CAfile "zeitstempel-$number-ca.pem"
    refuses "openssl ts, service $number, other data" openssl ts -verify -data manifest-sha256.txt -in "$tsr" -CAfile "zeitstempel-$number-ca.pem"
done

if [ -x "$venv/bin/wacz" ]; then
    check "bagit.py" "$venv/bin/bagit.py" --validate --quiet .
    check "py-wacz" "$venv/bin/wacz" validate -f data/archive/capture.wacz
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
    # Not every wheel of stix2-validator carries its schemas; the library of the same standard is strict too.
    check "stix2" "$venv/bin/python" -c 'import sys, stix2; assert stix2.parse(open(sys.argv[1]).read(), allow_custom=False).objects' "$exchange/stix.json"
    if "$venv/bin/python" -c 'import stix2validator, pathlib, sys; sys.exit(not any(pathlib.Path(stix2validator.__file__).parent.rglob("bundle.json")))' 2>/dev/null; then
        check "stix2-validator" "$venv/bin/stix2_validator" --version 2.1 "$exchange/stix.json"
    else
        skip "stix2-validator" "the package comes without its schemas"
    fi
    cat >"$work/misp.py" <<'PY'
import sys
from pymisp import MISPEvent
event = MISPEvent()
event.load_file(sys.argv[1], validate=True)
assert event.attributes and any(tag.name.startswith("tlp:") for tag in event.tags)
PY
    check "pymisp" "$venv/bin/python" "$work/misp.py" "$exchange/misp.json"
else
    skip "bagit.py, py-wacz, warcio, jsonschema, rfc3161-client, pyHanko, stix2, pymisp" "no Python packages"
fi

pdfs=(data/report.pdf "$court"/*.pdf "$exchange"/*.pdf)
if command -v xmllint >/dev/null; then
    check "xmllint, container" xmllint --noout --schema "$root/schemas/referral/referral.v1.xsd" data/referral.xml
    check "xmllint, court set" xmllint --noout --schema "$root/schemas/referral/referral.v1.xsd" "$court"/*_Datensatz.xml
else
    skip xmllint "not there (package libxml2-utils)"
fi
if command -v qpdf >/dev/null; then
    for pdf in "${pdfs[@]}"; do check "qpdf, $(basename "$pdf")" qpdf --check "$pdf"; done
else
    skip qpdf "not there"
fi
if command -v pdftotext >/dev/null; then
    searchable() { pdftotext data/report.pdf - | tr -s ' \n' ' ' | grep -q "$(head -c 24 data/items/0001/text.txt)"; }
    check "the report is searchable for the post's text" searchable
else
    skip pdftotext "not there (package poppler-utils)"
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
    verapdf() { java -cp "$work/verapdf/lib/*" org.verapdf.apps.GreenfieldCliWrapper --flavour 2a --format text "$1" 2>/dev/null | grep '^PASS'; }
    for pdf in "${pdfs[@]}"; do check "veraPDF PDF/A-2a, $(basename "$pdf")" verapdf "$pdf"; done
else
    skip veraPDF "java or mvn not there"
fi
finish
