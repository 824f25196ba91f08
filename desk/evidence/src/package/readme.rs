//! `LIESMICH.txt`: how to verify the container without Streife.

use std::fmt::Write;

use super::{SIGNATURE, SIGNER, TAG_MANIFEST, anchor_name, stamp_name};
use crate::seal::{TimeStampService, parse_anchors};

/// The text, with the commands that fit this package.
pub(super) fn readme(case_no: &str, services: &[&dyn TimeStampService], key: &[u8; 32]) -> String {
    // What speaks about the tag manifest cannot be listed in it.
    let stamps = (1..=services.len()).map(stamp_name);
    let beside: Vec<String> = [TAG_MANIFEST.to_owned(), SIGNATURE.to_owned()]
        .into_iter()
        .chain(stamps)
        .map(|name| format!("-e {name}"))
        .collect();
    let beside = beside.join(" \\\n     ");
    let mut text = format!(
        "LIESMICH: Beweismittelpaket zum Vorgang {case_no}\n\
         \n\
         Dieses Paket lässt sich ohne die Software des Absenders prüfen. Nötig sind nur die Programme\n\
         sha256sum und openssl (ab Version 3.0), die jedes Linux mitbringt. Die Prüfsumme der ZIP-Datei\n\
         selbst (sha256sum DATEI.zip) steht im Übersendungsschreiben. Entpacken, in den Ordner wechseln,\n\
         in dem diese Datei liegt, und der Reihe nach eingeben:\n\
         \n\
         1. Sind alle Dateien unverändert? Jede Zeile muss mit OK enden.\n\
         \n\
         \u{20}  sha256sum -c manifest-sha256.txt\n\
         \u{20}  sha256sum -c {TAG_MANIFEST}\n\
         \n\
         2. Ist keine Datei hinzugekommen? Es darf nichts ausgegeben werden.\n\
         \n\
         \u{20}  find . -type f | cut -c3- | grep -vxF {beside} | LC_ALL=C sort > /tmp/ist.txt\n\
         \u{20}  cut -c67- manifest-sha256.txt {TAG_MANIFEST} | LC_ALL=C sort | diff - /tmp/ist.txt\n\
         \n\
         3. Hat der Absender das Verzeichnis der Prüfsummen unterschrieben (Ed25519)?\n\
         \n\
         \u{20}  openssl pkeyutl -verify -pubin -inkey {SIGNER} -rawin \\\n\
         \u{20}    -in {TAG_MANIFEST} -sigfile {SIGNATURE}\n\
         \n\
         \u{20}  Der öffentliche Schlüssel muss derjenige sein, den der Absender auf anderem Weg mitgeteilt hat:\n\
         \u{20}  {}\n\
         \n\
         \u{20}  openssl pkey -pubin -in {SIGNER} -noout -text\n\
         \n\
         4. Wann lag das Verzeichnis spätestens so vor? Zeitstempel nach RFC 3161; erwartet: Verification: OK\n",
        hex::encode(key)
    );
    for (at, service) in services.iter().enumerate() {
        let number = at + 1;
        let fingerprint = parse_anchors(service.anchor_pem())
            .ok()
            .and_then(|anchors| anchors.first().map(crate::seal::Anchor::fingerprint))
            .unwrap_or_default();
        let _ = write!(
            text,
            "\n   openssl ts -verify -data {TAG_MANIFEST} \\\n     -in {tsr} -CAfile {ca}\n   openssl ts -reply -in {tsr} -text\n   \
             openssl x509 -in {ca} -outform DER | sha256sum\n\n   \
             Dienst: {name}; sha256 seines Wurzelzertifikats, zu vergleichen mit der Angabe des Dienstes:\n   {fingerprint}\n",
            tsr = stamp_name(number),
            ca = anchor_name(number),
            name = service.name(),
        );
    }
    text.push_str(
        "\nInhalt\n\n\
         data/report.pdf         Bericht (PDF/A), zuerst lesen\n\
         data/referral.json      dasselbe als Datensatz; data/referral.xml: Angaben nach § 2 StrafAktÜbV\n\
         data/items/0001/ ...    die Sicherungen: Rohdaten (raw.bin), Kopfzeilen, Text, Siegel (seal.json)\n\
         data/archive/           dieselben Rohdaten als Webarchiv (WACZ)\n\
         data/context/, why.json Gesprächsverlauf; Grund der Auffindung\n\
         data/audit/             Kette der Verwahrung mit Nachweisen\n\
         \n\
         Ausführlicher prüft: streife verify PAKET.zip\n\
         \n\
         Weitergabe nur im Rahmen des Verfahrens. Bei Rückruf durch den Absender sind alle Kopien zu löschen und\n\
         die Löschung zu bestätigen; Ansprechstelle: siehe bag-info.txt.\n",
    );
    text
}
