//! STIX 2.1: bundles and TAXII envelopes.

use bytes::Bytes;
use serde_json::Value;
use streife_domain::{Author, EventKind, PostKind, RejectCode};
use streife_sdk::poll::{Onward, Poll, Target};
use streife_sdk::{
    ConfigError, Connector, Deps, Observation, ParseContext, Parsed, SourceConfig, json, recorded, settings,
};
use url::Url;

use crate::Config;

/// The name of this kind.
pub const KIND: &str = "stix";

/// Builds the connector.
///
/// # Errors
/// Unknown settings, no address, an unreadable token.
pub fn connect(config: &SourceConfig, deps: &Deps) -> Result<Box<dyn Connector>, ConfigError> {
    let settings: Config = settings(config)?;
    let token = settings.token.as_ref().map(|t| t.read(&config.name)).transpose()?;
    if settings.urls.is_empty() || !settings.feeds.is_empty() {
        return Err(ConfigError::new(
            &config.name,
            "settings.urls: name at least one collection (feeds are MISP's)",
        ));
    }
    let targets = settings.urls.iter().map(|url| {
        let request = crate::request(url, "application/taxii+json;version=2.1", token.as_ref());
        Target::new(request, ParseContext::new(&config.name)).onward(onward)
    });
    Ok(Box::new(Poll::new(targets.collect(), parse, deps)))
}

/// The next page of an answer, or what was added after it. TAXII sorts by the date of adding.
fn onward(observation: &Observation, _: &Parsed) -> Option<Onward> {
    let answer: Value = serde_json::from_slice(&observation.body).ok()?;
    let mut url = Url::parse(&observation.url).ok()?;
    let kept: Vec<(String, String)> =
        url.query_pairs().filter(|(name, _)| name != "next").map(|(n, v)| (n.into(), v.into())).collect();
    let next = json::text(&answer, "next").filter(|_| answer.get("more") == Some(&Value::Bool(true)));
    let last = observation.header("x-taxii-date-added-last");
    {
        let mut query = url.query_pairs_mut();
        query.clear();
        for (name, value) in kept.iter().filter(|(name, _)| next.is_some() || name != "added_after") {
            query.append_pair(name, value);
        }
        match (next, last) {
            (Some(next), _) => query.append_pair("next", next),
            (None, Some(last)) => query.append_pair("added_after", last),
            (None, None) => return None,
        };
    }
    Some(Onward { url: url.into(), is_there: next.is_some() })
}

/// Reads a bundle, an envelope or one object.
pub fn parse(observation: &Observation, context: &ParseContext) -> Parsed {
    recorded::each(observation, context, |observation, context| {
        let answer = match json::document(observation) {
            Ok(answer) => answer,
            Err(refusal) => return *refusal,
        };
        let mut parsed = Parsed::default();
        let one = std::slice::from_ref(&answer);
        let objects = match answer.get("objects") {
            Some(Value::Array(objects)) => objects.as_slice(),
            _ if answer.get("id").is_some() => one,
            _ => &[],
        };
        for object in objects {
            read(object, observation, context, &mut parsed);
        }
        json::finished(parsed, "no_object_in_answer")
    })
}

fn read(object: &Value, observation: &Observation, context: &ParseContext, parsed: &mut Parsed) {
    let raw = Bytes::from(object.to_string());
    let (Some(id), Some(kind)) = (json::text(object, "id"), json::text(object, "type")) else {
        parsed.problem("object", RejectCode::BadField, "id or type is missing", raw);
        return;
    };
    if matches!(
        kind,
        "marking-definition"
            | "relationship"
            | "identity"
            | "extension-definition"
            | "language-content"
            | "bundle"
    ) {
        return parsed.ignore("no_content_object");
    }
    let is_revoked = object.get("revoked").and_then(Value::as_bool) == Some(true);
    let mut event =
        context.event(if is_revoked { EventKind::Delete } else { EventKind::Post }, "stix", "", observation);
    id.clone_into(&mut event.native_id);
    event.kind = PostKind::Article;
    if !is_revoked {
        let parts = [
            "name",
            "abstract",
            "description",
            "content",
            "pattern",
            "opinion",
            "explanation",
            "value",
            "url",
        ];
        event.text = parts.iter().filter_map(|p| json::text(object, p)).collect::<Vec<_>>().join("\n\n");
    }
    event.posted_at = json::time(object, "published", observation.observed_at)
        .or_else(|| json::time(object, "created", observation.observed_at));
    event.edited_at =
        json::time(object, "modified", observation.observed_at).filter(|t| Some(*t) != event.posted_at);
    event.author =
        json::text(object, "created_by_ref").map(|id| Author { id: id.to_owned(), handle: None, name: None });
    event.lang = json::text(object, "lang").map(str::to_owned);
    let texts = |field: &str| {
        json::items(object, field).iter().filter_map(Value::as_str).map(str::to_owned).collect::<Vec<_>>()
    };
    event.tags = texts("labels");
    event.tags.extend(texts("object_marking_refs"));
    event.tags.push(kind.to_owned());
    event.links = json::items(object, "external_references")
        .iter()
        .filter_map(|r| json::text(r, "url"))
        .map(str::to_owned)
        .collect();
    parsed.push(event, raw);
}

#[cfg(test)]
mod tests {
    use super::*;
    use streife_domain::Timestamp;

    #[test]
    fn a_bundle_with_a_report_and_a_revoked_indicator() {
        let text = br#"{"type":"bundle","objects":[{"type":"report","id":"report--1","name":"n","description":"d","created":"2026-01-02T03:04:05Z","modified":"2026-01-02T03:04:05Z"},{"type":"indicator","id":"indicator--1","pattern":"[x]","revoked":true},{"type":"identity","id":"identity--1"}]}"#;
        let o = Observation::new("f", &text[..], Timestamp::default());
        let p = parse(&o, &ParseContext::new("t"));
        assert_eq!(p.events[0].event.text, "n\n\nd");
        assert_eq!((p.events[1].event.event, p.events[1].event.text.as_str()), (EventKind::Delete, ""));
        assert_eq!(p.ignored["no_content_object"], 1);
    }
}
