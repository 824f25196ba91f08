//! `LibreTranslate`: `POST /translate` (<https://docs.libretranslate.com>).

use async_trait::async_trait;
use serde::Deserialize;
use serde_json::json;

use crate::{AssistError, Endpoint, Translation, Translator, check_language, check_text};

/// A `LibreTranslate` server.
#[derive(Debug, Clone)]
pub struct LibreTranslate {
    endpoint: Endpoint,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    translated_text: String,
    #[serde(default)]
    detected_language: Option<Detected>,
}

#[derive(Deserialize)]
struct Detected {
    language: String,
}

impl LibreTranslate {
    /// The server at an address.
    pub const fn new(endpoint: Endpoint) -> Self {
        Self { endpoint }
    }
}

#[async_trait]
impl Translator for LibreTranslate {
    fn name(&self) -> String {
        format!("LibreTranslate at {}", self.endpoint.host())
    }

    async fn translate(&self, text: &str, from: Option<&str>, to: &str) -> Result<Translation, AssistError> {
        check_text(text)?;
        let from = from.map(check_language).transpose()?;
        let to = check_language(to)?;
        let mut body = json!({ "q": text, "source": from.unwrap_or("auto"), "target": to, "format": "text" });
        if let (Some(key), Some(fields)) = (self.endpoint.key(), body.as_object_mut()) {
            fields.insert("api_key".to_owned(), key.into());
        }
        let answer: Answer =
            self.endpoint.post("translate", "application/json", body.to_string().into_bytes(), false).await?;
        if answer.translated_text.trim().is_empty() {
            return Err(self.endpoint.unusable("the translation is empty"));
        }
        let detected = answer.detected_language.map(|detected| detected.language);
        let from = from.map(str::to_owned).or_else(|| detected.filter(|code| check_language(code).is_ok()));
        Ok(Translation { text: answer.translated_text, from, to: to.to_owned(), by: self.name() })
    }
}
