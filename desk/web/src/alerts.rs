//! Carries messages of the outbox to webhooks, mail and pagers. Bodies name a case number and an occasion, never content.
//!
//! A webhook is signed: `Streife-Signature: v1=HEX` is the HMAC-SHA-256 of `ID.TIMESTAMP.BODY` with the shared secret;
//! `Streife-Id` stays the same over repetitions, so that a receiver can drop them, and an old `Streife-Timestamp`
//! (seconds since 1970) marks a replay.

use std::collections::BTreeMap;
use std::time::Duration;

use hmac::{Hmac, Mac};
use lettre::message::Mailbox;
use lettre::{AsyncSmtpTransport, AsyncTransport, Message as Mail, Tokio1Executor};
use sha2::Sha256;
use streife_cases::store::{CaseStore, Message, StoreError};
use streife_domain::Timestamp;

/// How long a pager's command may run.
const COMMAND_LIMIT: Duration = Duration::from_secs(20);

/// A receiver.
pub enum Target {
    /// A web address that takes signed JSON.
    Webhook {
        /// Where.
        url: String,
        /// Shared secret.
        secret: Vec<u8>,
    },
    /// People who read mail.
    Mail {
        /// From.
        from: Mailbox,
        /// To.
        to: Vec<Mailbox>,
        /// How.
        transport: Box<AsyncSmtpTransport<Tokio1Executor>>,
        /// Address of the desk, to be named in the mail.
        desk: String,
    },
    /// A program on this machine, such as a pager's client; the body comes on its standard input.
    Command {
        /// The program.
        program: String,
        /// Its arguments.
        arguments: Vec<String>,
    },
}

/// All receivers by name.
pub struct Alerts {
    targets: BTreeMap<String, Target>,
    http: reqwest::Client,
}

impl Alerts {
    /// `http` has time limits and follows no redirects.
    pub fn new(targets: BTreeMap<String, Target>, http: reqwest::Client) -> Self {
        Self { targets, http }
    }

    /// Their names.
    pub fn names(&self) -> Vec<String> {
        self.targets.keys().cloned().collect()
    }

    /// Tries every due message once. Returns how many arrived.
    ///
    /// # Errors
    /// When the database fails; what could not be delivered is tried again later.
    pub async fn deliver(&self, cases: &CaseStore, now: Timestamp) -> Result<usize, StoreError> {
        let mut arrived = 0;
        for message in cases.take_messages(now).await? {
            let result = match self.targets.get(&message.target) {
                Some(target) => self.send(target, &message, now).await,
                None => Err("the configuration names no such receiver".to_owned()),
            };
            if let Err(error) = &result {
                tracing::warn!(message = %message.id, target = %message.target, attempts = message.attempts, %error, "a message did not arrive");
            }
            arrived += usize::from(result.is_ok());
            cases.settle_message(&message, result.err().as_deref(), now).await?;
        }
        Ok(arrived)
    }

    async fn send(&self, target: &Target, message: &Message, now: Timestamp) -> Result<(), String> {
        match target {
            Target::Webhook { url, secret } => {
                let at = now.as_secs().to_string();
                let request = self
                    .http
                    .post(url)
                    .header("content-type", "application/json")
                    .header("streife-id", &message.id)
                    .header("streife-timestamp", &at)
                    .header(
                        "streife-signature",
                        format!("v1={}", sign(secret, &message.id, &at, &message.body)),
                    )
                    .body(message.body.clone());
                let answer = request.send().await.map_err(|e| e.without_url().to_string())?;
                if answer.status().is_success() {
                    Ok(())
                } else {
                    Err(format!("it answered {}", answer.status()))
                }
            }
            Target::Mail { from, to, transport, desk } => {
                let mut mail = Mail::builder().from(from.clone()).subject(subject(&message.kind));
                for mailbox in to {
                    mail = mail.to(mailbox.clone());
                }
                let mail = mail.body(notice(&message.kind, desk)).map_err(|e| e.to_string())?;
                transport.send(mail).await.map(|_| ()).map_err(|e| e.to_string())
            }
            Target::Command { program, arguments } => run(program, arguments, &message.body).await,
        }
    }
}

/// A receiver of mail, from the address of a server and mailboxes as people write them.
///
/// # Errors
/// What is malformed.
pub fn mail_target(server: &str, from: &str, to: &[String], desk: String) -> Result<Target, String> {
    let mailbox = |text: &str| text.parse::<Mailbox>().map_err(|e| format!("{text}: {e}"));
    let transport = AsyncSmtpTransport::<Tokio1Executor>::from_url(server)
        .map_err(|e| format!("server: {e}"))?
        .timeout(Some(COMMAND_LIMIT))
        .build();
    Ok(Target::Mail {
        from: mailbox(from)?,
        to: to.iter().map(|text| mailbox(text)).collect::<Result<_, _>>()?,
        transport: Box::new(transport),
        desk,
    })
}

/// The signature of a webhook, hexadecimal.
pub fn sign(secret: &[u8], id: &str, timestamp: &str, body: &str) -> String {
    // HMAC takes keys of any length.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret) else { return String::new() };
    mac.update(format!("{id}.{timestamp}.{body}").as_bytes());
    hex::encode(mac.finalize().into_bytes())
}

fn subject(kind: &str) -> String {
    match kind {
        "danger" => "Streife: Gefahr gemeldet / danger reported".to_owned(),
        "break_glass" => "Streife: Notzugriff / emergency access".to_owned(),
        kind => format!("Streife: {kind}"),
    }
}

/// Mail passes many hands: it says that something waits and where, nothing else.
fn notice(kind: &str, desk: &str) -> String {
    format!("{}\n\nBitte am Arbeitsplatz ansehen: / Please look at the desk:\n{desk}\n", subject(kind))
}

async fn run(program: &str, arguments: &[String], body: &str) -> Result<(), String> {
    use tokio::io::AsyncWriteExt;
    let mut child = tokio::process::Command::new(program)
        .args(arguments)
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .map_err(|e| format!("{program}: {e}"))?;
    if let Some(mut input) = child.stdin.take() {
        // A program that does not read is told by its exit status, not by a broken pipe.
        let _ = input.write_all(body.as_bytes()).await;
    }
    match tokio::time::timeout(COMMAND_LIMIT, child.wait()).await {
        Ok(Ok(status)) if status.success() => Ok(()),
        Ok(Ok(status)) => Err(format!("{program} ended with {status}")),
        Ok(Err(error)) => Err(format!("{program}: {error}")),
        Err(_) => Err(format!("{program} took too long")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_covers_id_time_and_body() {
        let signature = sign(b"secret", "id", "1", "{}");
        assert_eq!(signature.len(), 64);
        for other in [
            sign(b"other", "id", "1", "{}"),
            sign(b"secret", "ie", "1", "{}"),
            sign(b"secret", "id", "2", "{}"),
            sign(b"secret", "id", "1", "[]"),
        ] {
            assert_ne!(signature, other);
        }
    }

    #[tokio::test]
    async fn a_command_gets_the_body_and_its_failure_is_told() {
        assert_eq!(run("grep", &["-q".to_owned(), "danger".to_owned()], "danger").await, Ok(()));
        assert!(run("grep", &["-q".to_owned(), "danger".to_owned()], "calm").await.is_err());
        assert!(run("/does/not/exist", &[], "").await.is_err());
    }
}
