//! Takes over models that are released into the folder while the score worker runs.
//!
//! A release is complete when its manifests and files fit together, so a copy that is still under way fails to open and is tried
//! again; until then the models in use stay. Texts that are being scored finish with the models they began with.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use streife_runtime::{Analyser, Encode};
use streife_scoring::Models;
use tokio_util::sync::CancellationToken;

use crate::config::Config;
use crate::failure::Failure;
use crate::open::{self, ScoringChoice};
use crate::paths::Paths;

/// How often the manifests are looked at.
const INTERVAL: Duration = Duration::from_secs(10);

/// Where models come from, and how they are opened.
#[derive(Debug, Clone)]
pub(crate) struct ModelSource {
    models: PathBuf,
    parts: PathBuf,
    encode: Encode,
    device: String,
    sessions: std::num::NonZeroUsize,
}

impl ModelSource {
    pub(crate) fn new(config: &Config, paths: &Paths) -> Result<Self, Failure> {
        Ok(Self {
            models: paths.models.clone(),
            parts: paths.parts.clone(),
            encode: open::encode_of(&config.scoring.encode)?,
            device: config.scoring.device.clone(),
            sessions: config.scoring.sessions.unwrap_or_else(open::cores),
        })
    }

    pub(crate) fn choice(&self) -> ScoringChoice<'_> {
        ScoringChoice {
            models: Some(&self.models),
            parts: &self.parts,
            encode: self.encode,
            device: &self.device,
            sessions: self.sessions,
        }
    }

    /// The released versions; nothing while a manifest is missing or half written.
    fn released(&self) -> Option<String> {
        streife_scoring::released(&self.models, self.encode != Encode::None).ok()
    }

    fn open(&self) -> Result<Models, Failure> {
        open::models(&self.choice(), &self.models)
    }
}

/// Looks at the folder until `stop` and swaps in what was released.
pub(crate) async fn follow(source: ModelSource, analyser: Arc<ArcSwap<Analyser>>, stop: CancellationToken) {
    let source = Arc::new(source);
    let mut known = source.released();
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(INTERVAL) => {}
        }
        let (looked, before) = (Arc::clone(&source), known.clone());
        let newer = tokio::task::spawn_blocking(move || {
            let released = looked.released().filter(|released| before.as_ref() != Some(released))?;
            Some((released, looked.open()))
        });
        match newer.await {
            Ok(Some((released, Ok(models)))) => {
                let models = Arc::new(models);
                analyser.rcu(|current| current.with_models(Arc::clone(&models)));
                Models::count_exchange();
                tracing::info!(versions = released, "models exchanged");
                known = Some(released);
            }
            Ok(Some((released, Err(failure)))) => {
                tracing::warn!(versions = released, error = %failure.error, "new models cannot be opened, those in use stay");
            }
            Ok(None) => {}
            Err(error) => tracing::error!(%error, "opening new models failed, those in use stay"),
        }
    }
}
