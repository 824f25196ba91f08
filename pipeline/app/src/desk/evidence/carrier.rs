//! Carries the notices of the folder `outbox` to the mail server of the configuration. The folder is the queue: what was sent
//! moves to `outbox/sent`, what the server refuses for good to `outbox/refused`, and everything else waits and is tried again.
//! Without a server in the configuration the site's own mail system takes the files, and nothing here runs.
//!
//! A crash between sending and moving sends a notice twice, under one Message-ID.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use lettre::address::Envelope;
use lettre::message::Mailbox;
use lettre::{AsyncSmtpTransport, AsyncTransport, Tokio1Executor};
use tokio_util::sync::CancellationToken;

use crate::config::Config;
use crate::failure::Failure;
use crate::paths::Paths;

/// How often the folder is looked at.
const LOOK_INTERVAL: Duration = Duration::from_secs(15);
/// A server that does not answer is left alone for so long at first, for twice as long each time after, up to the last.
const PAUSES: (Duration, Duration) = (Duration::from_secs(30), Duration::from_secs(1800));
/// How long the server may take over one mail.
const SEND_LIMIT: Duration = Duration::from_secs(30);
/// A notice is a few lines.
const MAX_NOTICE_BYTES: u64 = 64 * 1024;
/// The folder of notices below the data folder.
pub(crate) const OUTBOX: &str = "outbox";
/// Below it: what a mail server did not take, for a person to look at.
pub(crate) const REFUSED: &str = "refused";
const SENT: &str = "sent";

/// Sends what lies in the outbox.
pub(crate) struct MailCarrier {
    outbox: PathBuf,
    transport: AsyncSmtpTransport<Tokio1Executor>,
}

/// What became of the notices at one look.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Carried {
    pub(crate) sent: usize,
    pub(crate) refused: usize,
    /// The server could not be asked, or said "later".
    pub(crate) waiting: usize,
}

/// Why a notice was not sent.
enum NotSent {
    /// Trying again does not help.
    Refused(String),
    Later(String),
}

impl MailCarrier {
    /// With the server of `[evidence] mail_server`; `None` where there is none.
    pub(crate) fn new(config: &Config, paths: &Paths) -> Result<Option<Self>, Failure> {
        let Some(server) = &config.evidence.mail_server else { return Ok(None) };
        let wrong = |what: String| Failure::configuration(format!("evidence.mail_server: {what}"));
        let server =
            server.read("evidence.mail_server").map_err(|e| Failure::configuration(e.to_string()))?;
        check_server(server.expose()).map_err(wrong)?;
        for way in &config.evidence.handover {
            if let Some(to) = &way.notify {
                to.parse::<Mailbox>().map_err(|error| {
                    Failure::configuration(format!("evidence.handover {}: notify: {to}: {error}", way.name))
                })?;
            }
        }
        let transport = AsyncSmtpTransport::<Tokio1Executor>::from_url(server.expose())
            .map_err(|error| wrong(error.to_string()))?
            .timeout(Some(SEND_LIMIT))
            .build();
        Ok(Some(Self { outbox: paths.data.join(OUTBOX), transport }))
    }

    /// Carries until `stop`.
    pub(crate) async fn run(self, stop: CancellationToken) {
        let mut pause = PAUSES.0;
        loop {
            let next = match self.carry().await {
                Ok(Carried { waiting: 0, .. }) => {
                    pause = PAUSES.0;
                    LOOK_INTERVAL
                }
                Ok(_) => {
                    let longer = (pause * 2).min(PAUSES.1);
                    std::mem::replace(&mut pause, longer)
                }
                Err(error) => {
                    tracing::warn!(outbox = %self.outbox.display(), %error, "the outbox cannot be read");
                    PAUSES.0
                }
            };
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(next) => {}
            }
        }
    }

    /// Tries every notice once, oldest name first; ends early when the server cannot be asked.
    async fn carry(&self) -> std::io::Result<Carried> {
        let mut carried = Carried::default();
        for notice in notices(&self.outbox)? {
            let name = notice.file_name().unwrap_or_default().to_string_lossy().into_owned();
            match self.send(&notice).await {
                Ok(()) => {
                    put_away(&notice, SENT)?;
                    carried.sent += 1;
                }
                Err(NotSent::Refused(why)) => {
                    tracing::warn!(notice = %name, %why, "a notice is refused for good; it lies in outbox/refused");
                    put_away(&notice, REFUSED)?;
                    carried.refused += 1;
                }
                Err(NotSent::Later(why)) => {
                    tracing::warn!(notice = %name, %why, "a notice waits for the mail server");
                    carried.waiting += 1;
                    break;
                }
            }
        }
        Ok(carried)
    }

    async fn send(&self, notice: &Path) -> Result<(), NotSent> {
        let size = fs::metadata(notice).map_err(|error| NotSent::Later(error.to_string()))?.len();
        if size > MAX_NOTICE_BYTES {
            return Err(NotSent::Refused(format!("{size} bytes are no notice of ours")));
        }
        let bytes = fs::read(notice).map_err(|error| NotSent::Later(error.to_string()))?;
        let envelope = envelope(&bytes).map_err(NotSent::Refused)?;
        match self.transport.send_raw(&envelope, &bytes).await {
            Ok(_) => Ok(()),
            Err(error) if error.is_permanent() => Err(NotSent::Refused(error.to_string())),
            Err(error) => Err(NotSent::Later(error.to_string())),
        }
    }
}

/// The finished notices of a folder; none where there is no such folder.
pub(crate) fn notices(outbox: &Path) -> std::io::Result<Vec<PathBuf>> {
    if !outbox.exists() {
        return Ok(Vec::new());
    }
    let entries = fs::read_dir(outbox)?.collect::<Result<Vec<_>, _>>()?;
    let mut notices: Vec<PathBuf> = entries
        .into_iter()
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|end| end == "eml"))
        .collect();
    notices.sort();
    Ok(notices)
}

fn put_away(notice: &Path, folder: &str) -> std::io::Result<()> {
    let folder = notice.with_file_name(folder);
    fs::create_dir_all(&folder)?;
    fs::rename(notice, folder.join(notice.file_name().unwrap_or_default()))
}

/// Sender and recipient as the notice itself names them.
fn envelope(notice: &[u8]) -> Result<Envelope, String> {
    let text = String::from_utf8_lossy(notice);
    let head = text.split("\r\n\r\n").next().unwrap_or_default();
    let address = |name: &str| {
        let line = head.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
        line.trim().parse::<Mailbox>().map(|mailbox| mailbox.email).map_err(|error| format!("{name} {error}"))
    };
    Envelope::new(Some(address("From:")?), vec![address("To:")?]).map_err(|error| error.to_string())
}

/// Which case is with whom travels encrypted, or stays on this machine.
fn check_server(server: &str) -> Result<(), String> {
    let url = url::Url::parse(server)
        .map_err(|_| "no address such as smtps://user:password@mail.example".to_owned())?;
    let host = url.host_str().unwrap_or_default();
    let loopback = host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback());
    let starts_tls = url.query_pairs().any(|(name, value)| name == "tls" && value == "required");
    match url.scheme() {
        "smtps" => Ok(()),
        "smtp" if starts_tls || loopback => Ok(()),
        "smtp" => Err("notices travel encrypted only: smtps://..., or smtp://...?tls=required".to_owned()),
        other => Err(format!("{other} is no way to send mail")),
    }
}

#[cfg(test)]
#[path = "carrier_tests.rs"]
mod tests;
