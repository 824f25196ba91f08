//! Time stamps by `openssl ts` with an authority of its own are believed, and forged or misissued ones are not.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a panic is how a test fails")]

use std::path::Path;
use std::process::Command;

use streife_evidence::merkle::sha256;
use streife_evidence::seal::{Anchor, Stamped, TspError, check, parse_anchors, request};

/// A root, an authority below it and time-stamp services with the given keys and purposes, in a folder.
struct Authority {
    folder: tempfile::TempDir,
}

const CONFIG: &str = "
[req]
distinguished_name = dn
prompt = no
[dn]
CN = set by -subj
[ca]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign
[tsa]
extendedKeyUsage = critical, timeStamping
keyUsage = critical, digitalSignature
[notcritical]
extendedKeyUsage = timeStamping
[manypurposes]
extendedKeyUsage = critical, timeStamping, emailProtection
[server]
extendedKeyUsage = critical, serverAuth
[ts]
default_tsa = service
[service]
serial = ./serial
default_policy = 1.3.6.1.4.1.32473.2
digests = sha256, sha384, sha512
signer_digest = sha256
accuracy = secs:1
clock_precision_digits = 3
ordering = yes
ess_cert_id_alg = sha256
";

impl Authority {
    /// `None` where there is no openssl.
    fn new() -> Option<Self> {
        if Command::new("openssl").arg("version").output().is_err() {
            println!("skipped: openssl is not there");
            return None;
        }
        let authority = Self { folder: tempfile::tempdir().unwrap() };
        std::fs::write(authority.path().join("config"), CONFIG).unwrap();
        std::fs::write(authority.path().join("serial"), "01\n").unwrap();
        authority.certificate("root", "rsa:2048", "ca", None);
        authority.certificate("middle", "rsa:2048", "ca", Some("root"));
        Some(authority)
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn openssl(&self, arguments: &str) -> bool {
        let output =
            Command::new("openssl").args(arguments.split(' ')).current_dir(self.path()).output().unwrap();
        if !output.status.success() {
            println!("openssl {arguments}: {}", String::from_utf8_lossy(&output.stderr));
        }
        output.status.success()
    }

    fn certificate(&self, name: &str, key: &str, extensions: &str, issuer: Option<&str>) {
        let key = if key == "ec" { "ec -pkeyopt ec_paramgen_curve:P-384" } else { key };
        assert!(self.openssl(&format!(
            "req -config config -newkey {key} -nodes -keyout {name}.key -out {name}.csr -subj /CN=Test-{name}"
        )));
        let signer = issuer.map_or_else(
            || format!("-signkey {name}.key"),
            |issuer| format!("-CA {issuer}.pem -CAkey {issuer}.key -CAcreateserial"),
        );
        assert!(self.openssl(&format!(
            "x509 -req -in {name}.csr -days 30 -sha256 -extfile config -extensions {extensions} {signer} -out {name}.pem"
        )));
    }

    /// `None` when openssl itself refuses to issue with such a certificate.
    fn stamp(&self, service: &str, data: &[u8], nonce: Option<u64>) -> Option<Vec<u8>> {
        std::fs::write(self.path().join("query"), request(&sha256(data), nonce).unwrap()).unwrap();
        let _ = std::fs::remove_file(self.path().join("reply"));
        // Elliptic keys sign sha384 and RSA sha512: neither is the hash in the question.
        let key = std::fs::read_to_string(self.path().join(format!("{service}.csr"))).unwrap();
        let digest = if key.len() < 700 { "sha384" } else { "sha512" };
        let made = self.openssl(&format!(
            "ts -reply -config config -section service -queryfile query -signer {service}.pem -{digest} -inkey {service}.key -chain middle.pem -out reply"
        ));
        made.then(|| std::fs::read(self.path().join("reply")).unwrap())
    }

    fn anchors(&self, name: &str) -> Vec<Anchor> {
        parse_anchors(&std::fs::read_to_string(self.path().join(format!("{name}.pem"))).unwrap()).unwrap()
    }
}

#[test]
fn stamps_of_openssl_with_rsa_and_elliptic_keys_are_believed() {
    let Some(authority) = Authority::new() else { return };
    for key in ["rsa:2048", "ec"] {
        authority.certificate("service", key, "tsa", Some("middle"));
        let reply = authority.stamp("service", b"data", Some(9)).unwrap();
        let stamped: Stamped = check(&reply, &sha256(b"data"), Some(9), &authority.anchors("root")).unwrap();
        assert_eq!(stamped.policy, "1.3.6.1.4.1.32473.2");
        assert!(stamped.signer.contains("Test-service"));
        assert!(matches!(
            check(&reply, &sha256(b"other"), None, &authority.anchors("root")),
            Err(TspError::Imprint { .. })
        ));
        assert_eq!(
            check(&reply, &sha256(b"data"), Some(8), &authority.anchors("root")),
            Err(TspError::Nonce)
        );
    }
}

#[test]
fn stamps_of_a_certificate_for_other_purposes_or_another_root_are_not_believed() {
    let Some(authority) = Authority::new() else { return };
    authority.certificate("stranger", "rsa:2048", "ca", None);
    authority.certificate("service", "rsa:2048", "tsa", Some("middle"));
    let reply = authority.stamp("service", b"data", None).unwrap();
    assert!(matches!(
        check(&reply, &sha256(b"data"), None, &authority.anchors("stranger")),
        Err(TspError::Chain(_))
    ));
    for purpose in ["notcritical", "manypurposes", "server"] {
        authority.certificate(purpose, "rsa:2048", purpose, Some("middle"));
        // Openssl refuses most of these itself; where it does not, we do.
        if let Some(reply) = authority.stamp(purpose, b"data", None) {
            let refused = check(&reply, &sha256(b"data"), None, &authority.anchors("root"));
            assert!(matches!(refused, Err(TspError::Chain(_))), "{purpose}: {refused:?}");
        }
    }
}

#[test]
fn a_tampered_reply_never_says_something_else() {
    let Some(authority) = Authority::new() else { return };
    authority.certificate("service", "ec", "tsa", Some("middle"));
    let reply = authority.stamp("service", b"data", None).unwrap();
    let anchors = authority.anchors("root");
    let good = check(&reply, &sha256(b"data"), None, &anchors).unwrap();
    for at in (0..reply.len()).step_by(3) {
        let mut changed = reply.clone();
        changed[at] ^= 0x10;
        if let Ok(stamped) = check(&changed, &sha256(b"data"), None, &anchors) {
            assert_eq!(stamped, good, "byte {at}");
        }
    }
}
