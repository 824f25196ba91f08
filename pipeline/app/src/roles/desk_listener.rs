//! Where browsers reach the desk: HTTP for a proxy on the same machine, or HTTPS by itself.

use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, SystemTime};

use axum::Router;
use axum_server::Handle;
use axum_server::tls_rustls::RustlsConfig;
use tokio_util::sync::CancellationToken;

use crate::config::{DeskSection, DeskTlsSection};
use crate::failure::Failure;
use crate::say::tr;

/// How often the certificate's files are looked at for a new one.
const RELOAD_INTERVAL: Duration = Duration::from_secs(60);
/// Open pages hold a connection for live updates; so long they may go on when the desk stops.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// Serves the pages until `stop`.
pub(crate) async fn serve(
    section: &DeskSection,
    pages: Router,
    stop: CancellationToken,
) -> Result<(), Failure> {
    let listener = tokio::net::TcpListener::bind(section.listen).await.map_err(|e| {
        Failure::configuration(format!("desk.listen {}: {e}; choose another with --listen", section.listen))
    })?;
    let address = listener.local_addr()?;
    let service = pages.into_make_service_with_connect_info::<SocketAddr>();
    let Some(tls) = &section.tls else {
        eprintln!("streife: {} http://{address}", tr("Arbeitsplatz:", "desk:"));
        axum::serve(listener, service).with_graceful_shutdown(async move { stop.cancelled().await }).await?;
        return Ok(());
    };
    let certificate = certificate(tls).await?;
    eprintln!("streife: {} https://{address}", tr("Arbeitsplatz:", "desk:"));
    let renewing = tokio::spawn(renew(tls.clone(), certificate.clone()));
    let handle = Handle::new();
    let stopping = handle.clone();
    tokio::spawn(async move {
        stop.cancelled().await;
        stopping.graceful_shutdown(Some(LAST_WORDS));
    });
    let served =
        axum_server::from_tcp_rustls(listener.into_std()?, certificate)?.handle(handle).serve(service).await;
    renewing.abort();
    Ok(served?)
}

async fn certificate(tls: &DeskTlsSection) -> Result<RustlsConfig, Failure> {
    // Without a choice the library cannot tell which of two linked providers is meant; a second choice changes nothing.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    RustlsConfig::from_pem_file(&tls.certificate_file, &tls.key_file).await.map_err(|e| {
        Failure::configuration(format!(
            "[desk.tls] {} and {}: {e}; name a certificate chain and its private key, both in PEM",
            tls.certificate_file.display(),
            tls.key_file.display()
        ))
    })
}

/// Takes up a new certificate without a restart. One that cannot be used leaves the old one in force.
async fn renew(tls: DeskTlsSection, certificate: RustlsConfig) {
    let mut known = written_at(&tls.certificate_file);
    loop {
        tokio::time::sleep(RELOAD_INTERVAL).await;
        let now = written_at(&tls.certificate_file);
        if now == known {
            continue;
        }
        match certificate.reload_from_pem_file(&tls.certificate_file, &tls.key_file).await {
            Ok(()) => {
                known = now;
                tracing::info!("the desk's new certificate is in force");
            }
            Err(error) => {
                tracing::warn!(%error, "the desk's new certificate cannot be used; the old one stays in force");
            }
        }
    }
}

fn written_at(path: &Path) -> Option<SystemTime> {
    std::fs::metadata(path).and_then(|found| found.modified()).ok()
}

#[cfg(test)]
mod tests {
    use axum::routing::get;

    use super::*;

    fn section(tls: Option<DeskTlsSection>) -> DeskSection {
        DeskSection { listen: SocketAddr::from(([127, 0, 0, 1], free_port())), tls, ..DeskSection::default() }
    }

    fn free_port() -> u16 {
        std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
    }

    /// A certificate of its own authority for localhost, by openssl as an operator would make it.
    fn made(folder: &Path) -> DeskTlsSection {
        let tls =
            DeskTlsSection { certificate_file: folder.join("desk.pem"), key_file: folder.join("desk.key") };
        let status = std::process::Command::new("openssl")
            .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"])
            .args(["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-days", "2"])
            .args(["-addext", "basicConstraints=critical,CA:FALSE"])
            .arg("-out")
            .arg(&tls.certificate_file)
            .arg("-keyout")
            .arg(&tls.key_file)
            .stderr(std::process::Stdio::null())
            .status()
            .unwrap();
        assert!(status.success());
        tls
    }

    async fn until_reached(client: &reqwest::Client, url: &str) -> String {
        for _ in 0..100 {
            if let Ok(answer) = client.get(url).send().await {
                return answer.text().await.unwrap();
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("{url} was never reached");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn pages_come_over_tls_and_not_without() {
        let folder = tempfile::tempdir().unwrap();
        let tls = made(folder.path());
        let trusted = std::fs::read(&tls.certificate_file).unwrap();
        let section = section(Some(tls));
        let port = section.listen.port();
        let stop = CancellationToken::new();
        let pages = Router::new().route("/", get(|| async { "pages" }));
        let serving = tokio::spawn({
            let stop = stop.clone();
            async move { serve(&section, pages, stop).await }
        });
        let client = reqwest::Client::builder()
            .tls_certs_only([reqwest::Certificate::from_pem(&trusted).unwrap()])
            .build()
            .unwrap();
        assert_eq!(until_reached(&client, &format!("https://localhost:{port}/")).await, "pages");
        assert!(
            client.get(format!("http://localhost:{port}/")).send().await.is_err(),
            "plain HTTP is refused"
        );
        let stranger = reqwest::Client::builder().build().unwrap();
        assert!(
            stranger.get(format!("https://localhost:{port}/")).send().await.is_err(),
            "unknown authority"
        );
        stop.cancel();
        serving.await.unwrap().unwrap();
    }

    #[tokio::test]
    async fn a_certificate_that_cannot_be_read_is_named() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("desk.pem"), "no certificate").unwrap();
        let tls = DeskTlsSection {
            certificate_file: folder.path().join("desk.pem"),
            key_file: folder.path().join("missing.key"),
        };
        let failure = serve(&section(Some(tls)), Router::new(), CancellationToken::new()).await.unwrap_err();
        assert!(format!("{failure:?}").contains("desk.pem"), "{failure:?}");
    }
}
