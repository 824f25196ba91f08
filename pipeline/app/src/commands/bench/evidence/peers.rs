//! What the evidence bench talks to, all on loopback: a web site of two pages a post, and two time-stamp services over
//! HTTP that answer by `openssl ts`, each with an authority of its own.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::Command;

use crate::failure::Failure;

/// Paragraphs of a page, about what a page of a social platform shows.
const PARAGRAPHS: usize = 200;
/// Longest question to a time-stamp service.
const MAX_QUESTION_BYTES: usize = 64 * 1024;

const CONFIG: &str = "[req]
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
[ts]
default_tsa = service
[service]
serial = ./serial
default_policy = 1.3.6.1.4.1.32473.2
digests = sha256
signer_digest = sha256
ess_cert_id_alg = sha256
";

/// Serves pages; its address.
pub(super) async fn web_site() -> Result<String, Failure> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = format!("http://{}", listener.local_addr()?);
    let words = "<p>Ein Absatz, wie ihn eine Seite hat, mit einigen Wörtern darin.</p>".repeat(PARAGRAPHS);
    let page = format!(
        "<!doctype html><meta charset=utf-8><title>Seite</title><style>p{{border:1px solid #ccc}}</style>{words}\
         <script>document.title='fertig'</script>"
    );
    let page: Arc<[u8]> = page.into_bytes().into();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let page = Arc::clone(&page);
            // A browser that hangs up early shows in the capture, not here.
            tokio::spawn(async move {
                answer(stream, "text/html; charset=utf-8", async |_| Some(page.to_vec())).await;
            });
        }
    });
    Ok(address)
}

/// An authority in `folder` with one service; the root's file and the service's address.
pub(crate) async fn time_stamp_service(folder: &Path, name: &str) -> Result<(PathBuf, String), Failure> {
    let folder = folder.join(name);
    std::fs::create_dir_all(&folder)?;
    std::fs::write(folder.join("config"), CONFIG)?;
    std::fs::write(folder.join("serial"), "01\n")?;
    let key = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30";
    for arguments in [
        format!("req -config config -x509 {key} -extensions ca -keyout root.key -out root.pem -subj /CN=Wurzel-{name}"),
        format!("req -config config {key} -keyout tsa.key -out tsa.csr -subj /CN=Dienst-{name}"),
        "x509 -req -in tsa.csr -days 30 -extfile config -extensions tsa -CA root.pem -CAkey root.key -CAcreateserial -out tsa.pem"
            .to_owned(),
    ] {
        openssl(&folder, &arguments).await?;
    }
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = format!("http://{}/tsa", listener.local_addr()?);
    let root = folder.join("root.pem");
    tokio::spawn(async move {
        // One after the other: `openssl ts` keeps its serial number in a file.
        while let Ok((stream, _)) = listener.accept().await {
            answer(stream, "application/timestamp-reply", async |question| {
                stamp(&folder, question).await.ok()
            })
            .await;
        }
    });
    Ok((root, address))
}

async fn stamp(folder: &Path, question: Vec<u8>) -> Result<Vec<u8>, Failure> {
    tokio::fs::write(folder.join("query"), question).await?;
    let reply = "ts -reply -config config -section service -queryfile query -signer tsa.pem -inkey tsa.key -out reply";
    openssl(folder, reply).await?;
    Ok(tokio::fs::read(folder.join("reply")).await?)
}

async fn openssl(folder: &Path, arguments: &str) -> Result<(), Failure> {
    let mut command = Command::new("openssl");
    command
        .args(arguments.split_whitespace())
        .current_dir(folder)
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    let done = command.output().await.map_err(|e| Failure::upstream(format!("openssl: {e}; install it")))?;
    if done.status.success() {
        return Ok(());
    }
    Err(Failure::upstream(format!("openssl {arguments}: {}", String::from_utf8_lossy(&done.stderr))))
}

/// Reads one request and writes one answer; `None` closes the connection without one.
async fn answer(stream: TcpStream, kind: &str, reply: impl AsyncFnOnce(Vec<u8>) -> Option<Vec<u8>>) {
    let mut reader = BufReader::new(stream);
    let (mut length, mut line) = (0, String::new());
    while reader.read_line(&mut line).await.is_ok_and(|read| read > 2) {
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap_or(0);
        }
        line.clear();
    }
    let mut question = vec![0; length.min(MAX_QUESTION_BYTES)];
    if reader.read_exact(&mut question).await.is_err() {
        return;
    }
    let Some(body) = reply(question).await else { return };
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    let mut stream = reader.into_inner();
    // Whoever asked and left is not waiting for it.
    let _ = stream.write_all(&[head.as_bytes(), &body].concat()).await;
}
