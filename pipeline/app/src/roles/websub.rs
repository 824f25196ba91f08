//! The listener for hubs, beside `collect`, where the operator has opened one.

use std::net::SocketAddr;

use streife_sdk::websub::WebSub;
use streife_sdk::{Deps, SourceConfig};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::config::{self, Config};
use crate::failure::Failure;

/// What runs beside the sources: the worker that asks hubs, and the listener.
pub(crate) struct Listening {
    listener: TcpListener,
    websub: WebSub,
}

impl Listening {
    /// Takes the address and gives connectors the subscriptions; `None` where it is off or no feed is read.
    pub(crate) async fn open(
        config: &Config,
        sources: &[SourceConfig],
        deps: &mut Deps,
    ) -> Result<Option<Self>, Failure> {
        let Some((listen, told)) = config::websub(config).map_err(Failure::configuration)? else {
            return Ok(None);
        };
        if !sources.iter().any(|source| source.enabled && source.kind == streife_feed::feed::KIND) {
            return Ok(None);
        }
        let listener = TcpListener::bind(listen).await.map_err(|e| {
            Failure::configuration(format!("[websub] listen {listen}: {e}; choose another address"))
        })?;
        let websub = WebSub::new(told, deps.http.clone(), rand::random);
        deps.websub = Some(websub.clone());
        Ok(Some(Self { listener, websub }))
    }

    /// Runs both until `stop`.
    pub(crate) fn start(self, stop: &CancellationToken) -> JoinSet<()> {
        let mut running = JoinSet::new();
        let address: Option<SocketAddr> = self.listener.local_addr().ok();
        tracing::info!(?address, "hubs are heard");
        let pages = streife_feed::websub::router(self.websub.clone());
        let (ended, websub) = (stop.clone(), self.websub);
        running.spawn(async move {
            let until = ended.clone().cancelled_owned();
            if let Err(error) = axum::serve(self.listener, pages).with_graceful_shutdown(until).await {
                tracing::error!(%error, "hubs are not heard any more; feeds are asked as usual");
            }
        });
        let ended = stop.clone();
        running.spawn(async move { websub.run(ended).await });
        running
    }
}
