//! The adapters against servers that speak the documented APIs, and against servers that misbehave.

#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

use serde_json::{Value, json};
use streife_assist::{
    AssistConfig, AssistError, Endpoint, LibreTranslate, MAX_ANSWER_BYTES, OpenAi, Recording, Transcriber,
    Translator,
};
use wiremock::matchers::{body_json, header, method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

fn endpoint(server: &MockServer, base: &str, key: Option<&str>) -> Endpoint {
    Endpoint::new(&format!("{}{base}", server.uri()), key.map(str::to_owned), false).unwrap()
}

async fn answering(route: &str, answer: ResponseTemplate) -> MockServer {
    let server = MockServer::start().await;
    Mock::given(method("POST")).and(path(route)).respond_with(answer).mount(&server).await;
    server
}

#[tokio::test]
async fn libretranslate_translates_and_tells_the_language() {
    let server = MockServer::start().await;
    Mock::given(method("POST"))
        .and(path("/translate"))
        .and(body_json(json!({"q": "Günaydın", "source": "auto", "target": "de", "format": "text", "api_key": "k"})))
        .respond_with(ResponseTemplate::new(200).set_body_json(
            json!({"translatedText": "Guten Morgen", "detectedLanguage": {"confidence": 90, "language": "tr"}}),
        ))
        .mount(&server)
        .await;
    let translator = LibreTranslate::new(endpoint(&server, "", Some("k")));
    let translation = translator.translate("Günaydın", None, "de").await.unwrap();
    assert_eq!(
        (translation.text.as_str(), translation.from.as_deref(), translation.to.as_str()),
        ("Guten Morgen", Some("tr"), "de")
    );
    assert!(translation.by.starts_with("LibreTranslate at 127.0.0.1:"), "{}", translation.by);
}

#[tokio::test]
async fn a_local_model_translates_text_that_is_sent_as_data() {
    let server = MockServer::start().await;
    Mock::given(method("POST"))
        .and(path("/v1/chat/completions"))
        .and(header("authorization", "Bearer key"))
        .respond_with(ResponseTemplate::new(200).set_body_json(
            json!({"choices": [{"message": {"role": "assistant", "content": " Guten Morgen \n"}, "finish_reason": "stop"}]}),
        ))
        .mount(&server)
        .await;
    let translator = OpenAi::new(endpoint(&server, "/v1", Some("key")), "house".to_owned());
    let text = "صباح \"الخير\" }";
    let translation = translator.translate(text, Some("ar"), "de").await.unwrap();
    assert_eq!(translation.text, "Guten Morgen");
    let sent: Value = server.received_requests().await.unwrap()[0].body_json().unwrap();
    let data: Value = serde_json::from_str(sent["messages"][1]["content"].as_str().unwrap()).unwrap();
    assert_eq!(data, json!({"from": "ar", "to": "de", "text": text}));
}

#[tokio::test]
async fn a_whisper_server_transcribes_with_times() {
    let answer = json!({"text": " Guten Tag. ", "language": "de", "segments": [
        {"start": 0.0, "end": 1.5, "text": " Guten Tag."}, {"start": 3.0, "end": 1.0, "text": "broken"}]});
    let server =
        answering("/v1/audio/transcriptions", ResponseTemplate::new(200).set_body_json(answer)).await;
    let transcriber = OpenAi::new(endpoint(&server, "/v1", None), "whisper".to_owned());
    let recording =
        Recording { bytes: b"OggS...", media_type: "audio/ogg; codecs=opus", language: Some("de") };
    let transcript = transcriber.transcribe(recording).await.unwrap();
    assert_eq!((transcript.text.as_str(), transcript.segments.len()), ("Guten Tag.", 1));
    let request = &server.received_requests().await.unwrap()[0];
    let body = String::from_utf8_lossy(&request.body);
    for part in ["name=\"model\"", "verbose_json", "filename=\"recording.ogg\"", "OggS..."] {
        assert!(body.contains(part), "{part}");
    }
}

#[tokio::test]
async fn servers_that_misbehave_are_explained() {
    let large = "x".repeat(MAX_ANSWER_BYTES + 1);
    let cases = [
        (ResponseTemplate::new(503), "status 503"),
        (ResponseTemplate::new(302).insert_header("location", "http://example.org/"), "status 302"),
        (ResponseTemplate::new(200).set_body_string("<html>"), "not the JSON expected"),
        (ResponseTemplate::new(200).set_body_string(large), "larger than 2 MiB"),
        (
            ResponseTemplate::new(200).set_body_json(json!({"translatedText": " "})),
            "the translation is empty",
        ),
    ];
    for (answer, expected) in cases {
        let server = answering("/translate", answer).await;
        let translator = LibreTranslate::new(endpoint(&server, "", None));
        let error = translator.translate("streng geheimer Satz", Some("de"), "en").await.unwrap_err();
        let message = error.to_string();
        assert!(message.contains(expected), "{message}");
        assert!(!message.contains("geheimer"), "{message}");
        assert_eq!(error.is_transient(), expected == "status 503");
    }
    let cases = [
        (json!({"choices": []}), "no choice"),
        (json!({"choices": [{"message": {"content": null}}]}), "empty"),
        (json!({"choices": [{"message": {"content": "Gut"}, "finish_reason": "length"}]}), "cut off"),
        (json!({"choices": [{"message": {"content": "la ".repeat(1_000)}}]}), "far longer"),
    ];
    for (answer, expected) in cases {
        let server = answering("/chat/completions", ResponseTemplate::new(200).set_body_json(answer)).await;
        let translator = OpenAi::new(endpoint(&server, "", None), "house".to_owned());
        let message = translator.translate("Satz", None, "en").await.unwrap_err().to_string();
        assert!(message.contains(expected), "{message}");
    }
    let nobody = Endpoint::new("http://127.0.0.1:9", None, false).unwrap();
    let error = LibreTranslate::new(nobody).translate("Satz", None, "en").await.unwrap_err();
    assert!(matches!(error, AssistError::Unreachable { .. }) && error.is_transient(), "{error}");
}

#[tokio::test]
async fn nothing_is_sent_that_should_not_be() {
    let server = MockServer::start().await;
    let translator = LibreTranslate::new(endpoint(&server, "", None));
    assert!(matches!(translator.translate(" ", None, "de").await, Err(AssistError::Empty)));
    assert!(matches!(translator.translate("a", Some("x\"y"), "de").await, Err(AssistError::Language(_))));
    let transcriber = OpenAi::new(endpoint(&server, "", None), "m".to_owned());
    for (bytes, media_type) in [(&b""[..], "audio/ogg"), (b"x", "text/html")] {
        assert!(transcriber.transcribe(Recording { bytes, media_type, language: None }).await.is_err());
    }
    assert!(server.received_requests().await.unwrap().is_empty());
}

#[test]
fn without_configuration_no_machine_is_asked() {
    let no_key = |_: &std::path::PathBuf| Ok(String::new());
    let none = AssistConfig::default().open(no_key).unwrap();
    assert!(none.translator.is_none() && none.transcriber.is_none());
    let config = |text: &str| toml::from_str::<AssistConfig>(text).unwrap();
    let both = config(
        "[translation]\nkind = \"libretranslate\"\nurl = \"http://127.0.0.1:5000\"\n[transcription]\nkind = \"openai\"\nurl = \"http://127.0.0.1:8000/v1\"\nmodel = \"whisper\"\n",
    );
    let both = both.open(no_key).unwrap();
    assert!(both.translator.is_some() && both.transcriber.is_some());
    for (wrong, expected) in [
        ("[translation]\nkind = \"openai\"\nurl = \"http://127.0.0.1/v1\"\n", "name of a model"),
        ("[transcription]\nkind = \"libretranslate\"\nurl = \"http://127.0.0.1\"\n", "does not transcribe"),
        (
            "[translation]\nkind = \"libretranslate\"\nurl = \"https://example.org\"\n",
            "outside the own network",
        ),
    ] {
        let message = config(wrong).open(no_key).unwrap_err().to_string();
        assert!(message.contains(expected), "{message}");
    }
}
