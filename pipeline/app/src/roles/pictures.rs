//! The pictures of posts, beside `collect`: banks and reading program opened once, where a source wants them.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use streife_log::EventLog;
use streife_media::{Bank, BankBuilder, Looker, Ocr, OcrError, Tesseract, TesseractConfig, Treatment};
use streife_runtime::pictures::{PictureOptions, PictureSink, PictureWorker, pictures};
use streife_sdk::{Deps, MediaSettings, SourceConfig};

use crate::config::{BankSection, Config, OcrSection};
use crate::failure::Failure;

/// The settings of the sources whose pictures are looked at.
pub(crate) fn sources_with_pictures(sources: &[SourceConfig]) -> HashMap<String, MediaSettings> {
    sources
        .iter()
        .filter(|source| source.enabled && source.media.is_on())
        .map(|source| (source.name.clone(), source.media.clone()))
        .collect()
}

/// The sink and the worker; `None` when no source wants them.
pub(crate) async fn open(
    log: &Arc<dyn EventLog>,
    config: &Config,
    sources: &[SourceConfig],
    deps: &Deps,
) -> Result<Option<(PictureSink, PictureWorker)>, Failure> {
    let sources = sources_with_pictures(sources);
    if sources.is_empty() {
        return Ok(None);
    }
    let section = config.collect.pictures.clone();
    let options = PictureOptions {
        queue_posts: section.queue_posts.get(),
        fetches: section.fetches.get(),
        looks: section.looks.get(),
        wait: Duration::from_secs(section.wait_secs.get()),
    };
    // Millions of hashes are sorted, a program is started.
    let looker = tokio::task::spawn_blocking(move || {
        let bank = bank(&section.bank)?.map(Arc::new);
        let ocr = section.ocr.as_ref().map(tesseract).transpose().map_err(failure)?;
        Ok::<Looker, Failure>(Looker { bank, ocr: ocr.map(|ocr| Arc::new(ocr) as Arc<dyn Ocr>) })
    })
    .await??;
    let hashes = looker.bank.as_ref().map_or(0, |bank| bank.len());
    tracing::info!(sources = sources.len(), hashes, ocr = looker.ocr.is_some(), "pictures are looked at");
    let (log, http, clock) = (Arc::clone(log), deps.http.clone(), Arc::clone(&deps.clock));
    Ok(Some(pictures(log, http, clock, looker, sources, options)))
}

/// The configured banks as one; `None` without any.
pub(crate) fn bank(sections: &[BankSection]) -> Result<Option<Bank>, Failure> {
    if sections.is_empty() {
        return Ok(None);
    }
    let mut builder = BankBuilder::default();
    for section in sections {
        let treatment = Treatment { never_store: section.never_store, priority: section.priority };
        builder.add_file(&section.file, treatment).map_err(failure)?;
    }
    builder.build().map(Some).map_err(failure)
}

/// The reading program, tried once.
pub(crate) fn tesseract(section: &OcrSection) -> Result<Tesseract, OcrError> {
    Tesseract::new(TesseractConfig {
        program: section.program.clone(),
        languages: section.languages.clone(),
        timeout: Duration::from_secs(section.timeout_secs.get()),
        memory_bytes: section.memory_megabytes.get() * 1024 * 1024,
        isolation: section.isolation,
    })
}

/// With its causes.
fn failure(error: impl std::error::Error + Send + Sync + 'static) -> Failure {
    Failure::configuration(format!("[collect.pictures] {:#}", anyhow::Error::new(error)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shipped_example_is_sound_and_off() {
        let config = crate::config::read(include_str!("../../../../config/pictures.toml"), &[]).unwrap();
        assert_eq!(config.source[0].problems(true, "2026-11-22"), []);
        assert!(config.source[0].media.is_on() && sources_with_pictures(&config.source).is_empty());
    }
}
