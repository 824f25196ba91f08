//! What the configuration says about machines. Nothing by default.

use std::path::PathBuf;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::{AssistError, Endpoint, LibreTranslate, OpenAi, Transcriber, Translator};

/// The table `[assist]`. Without it no machine is asked anything.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AssistConfig {
    /// Who translates.
    pub translation: Option<Service>,
    /// Who transcribes.
    pub transcription: Option<Service>,
}

/// What a server speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ServiceKind {
    /// `LibreTranslate`'s API.
    LibreTranslate,
    /// An OpenAI-compatible API.
    OpenAi,
}

/// A server of the house.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Service {
    /// What it speaks.
    pub kind: ServiceKind,
    /// Its address; with `openai` the version included, such as `http://127.0.0.1:8000/v1`.
    pub url: String,
    /// The model's name; needed by `openai`.
    #[serde(default)]
    pub model: String,
    /// A file with the key, where the server wants one.
    #[serde(default)]
    pub key_file: Option<PathBuf>,
    /// Post text may leave the own network.
    #[serde(default)]
    pub allow_remote: bool,
}

/// The machines that a site has.
#[derive(Debug, Clone, Default)]
pub struct Assistants {
    /// Translates, where one is configured.
    pub translator: Option<Arc<dyn Translator>>,
    /// Transcribes, where one is configured.
    pub transcriber: Option<Arc<dyn Transcriber>>,
}

impl AssistConfig {
    /// The machines named here. `read_key` reads a key file; the caller does it, so that this function does no IO.
    ///
    /// # Errors
    /// [`AssistError::Config`] and [`AssistError::Address`].
    pub fn open(
        &self,
        read_key: impl Fn(&PathBuf) -> std::io::Result<String>,
    ) -> Result<Assistants, AssistError> {
        let endpoint = |service: &Service| {
            let key = service
                .key_file
                .as_ref()
                .map(&read_key)
                .transpose()
                .map_err(|error| AssistError::Config(format!("key_file cannot be read: {error}")))?;
            Endpoint::new(&service.url, key.map(|key| key.trim().to_owned()), service.allow_remote)
        };
        let open_ai = |service: &Service| {
            if service.model.is_empty() {
                return Err(AssistError::Config("kind = \"openai\" needs the name of a model".to_owned()));
            }
            Ok(OpenAi::new(endpoint(service)?, service.model.clone()))
        };
        let translator = match &self.translation {
            None => None,
            Some(service) if service.kind == ServiceKind::LibreTranslate => {
                Some(Arc::new(LibreTranslate::new(endpoint(service)?)) as Arc<dyn Translator>)
            }
            Some(service) => Some(Arc::new(open_ai(service)?) as Arc<dyn Translator>),
        };
        let transcriber = match &self.transcription {
            None => None,
            Some(service) if service.kind == ServiceKind::LibreTranslate => {
                return Err(AssistError::Config(
                    "LibreTranslate does not transcribe; use kind = \"openai\"".to_owned(),
                ));
            }
            Some(service) => Some(Arc::new(open_ai(service)?) as Arc<dyn Transcriber>),
        };
        Ok(Assistants { translator, transcriber })
    }
}
