//! MISP: events of a feed (`{uuid}.json`) or of the interface.

use bytes::Bytes;
use serde_json::Value;
use streife_domain::{Author, EventKind, PostKind, RejectCode};
use streife_sdk::listing::{Entry, Freshness, List, Listing, Reading};
use streife_sdk::poll::{Poll, Target};
use streife_sdk::{
    ConfigError, Connector, Deps, Observation, ParseContext, Parsed, SourceConfig, json, recorded, settings,
};

use crate::Config;

/// The name of this kind.
pub const KIND: &str = "misp";
/// Attributes listed of one event.
const MAX_ATTRIBUTES: usize = 10_000;
/// Events of a feed read on a first visit, the last changed.
const FIRST_VISIT: usize = 100;

/// Builds the connector.
///
/// # Errors
/// Unknown settings, no address or both kinds of them, an unreadable token.
pub fn connect(config: &SourceConfig, deps: &Deps) -> Result<Box<dyn Connector>, ConfigError> {
    let settings: Config = settings(config)?;
    let token = settings.token.as_ref().map(|t| t.read(&config.name)).transpose()?;
    let request = |url: &str| crate::request(url, "application/json", token.as_ref());
    let context = ParseContext::new(&config.name);
    match (settings.feeds.as_slice(), settings.urls.as_slice()) {
        ([], []) => Err(ConfigError::new(&config.name, "settings: name feeds or urls")),
        ([], urls) => {
            let targets = urls.iter().map(|url| Target::new(request(url), context.clone()));
            Ok(Box::new(Poll::new(targets.collect(), parse, deps)))
        }
        (feeds, []) => {
            let lists = feeds.iter().map(|feed| List {
                request: request(&format!("{}/manifest.json", feed.trim_end_matches('/'))),
                context: context.clone(),
            });
            let reading =
                Reading { list: manifest, parse, freshness: Freshness::Whole, first_visit: FIRST_VISIT };
            Ok(Box::new(Listing::new(lists.collect(), reading, deps)))
        }
        _ => Err(ConfigError::new(&config.name, "settings: feeds or urls, not both in one source")),
    }
}

/// The events of a feed with the time of their last change.
fn manifest(observation: &Observation, list: &List) -> Result<Vec<Entry>, String> {
    let folder = list.request.url.trim_end_matches("manifest.json");
    match serde_json::from_slice(&observation.body) {
        Ok(Value::Object(events)) if events.values().all(Value::is_object) => Ok(events
            .iter()
            .map(|(uuid, about)| Entry::Item {
                key: uuid.clone(),
                version: json::id(about, "timestamp").unwrap_or_default(),
                url: format!("{folder}{uuid}.json"),
            })
            .collect()),
        _ => Err("no manifest".to_owned()),
    }
}

/// Reads one event or a list of them; a manifest holds no content and is counted.
pub fn parse(observation: &Observation, context: &ParseContext) -> Parsed {
    recorded::each(observation, context, |observation, context| {
        let answer = match json::document(observation) {
            Ok(answer) => answer,
            Err(refusal) => return *refusal,
        };
        let mut parsed = Parsed::default();
        let list = answer.as_array().map_or_else(|| json::items(&answer, "response"), Vec::as_slice);
        for item in list.iter().chain([&answer]) {
            if let Some(event) = item.get("Event") {
                read(event, observation, context, &mut parsed);
            }
        }
        json::finished(parsed, "no_event_in_answer")
    })
}

fn read(item: &Value, observation: &Observation, context: &ParseContext, parsed: &mut Parsed) {
    let raw = Bytes::from(item.to_string());
    let Some(uuid) = json::text(item, "uuid") else {
        parsed.problem("Event", RejectCode::BadField, "uuid is missing", raw);
        return;
    };
    let is_deleted = item.get("deleted").and_then(Value::as_bool) == Some(true);
    let kind = if is_deleted { EventKind::Delete } else { EventKind::Post };
    let mut event = context.event(kind, "misp", "", observation);
    uuid.clone_into(&mut event.native_id);
    event.kind = PostKind::Article;
    let mut lines: Vec<String> = json::text(item, "info").map(str::to_owned).into_iter().collect();
    let objects = json::items(item, "Object").iter().flat_map(|o| json::items(o, "Attribute"));
    for attribute in json::items(item, "Attribute").iter().chain(objects).take(MAX_ATTRIBUTES) {
        let (Some(kind), Some(value)) = (json::text(attribute, "type"), json::text(attribute, "value"))
        else {
            continue;
        };
        if matches!(kind, "url" | "link") {
            event.links.push(value.to_owned());
        }
        lines.push(format!("{kind}: {value}"));
    }
    if !is_deleted {
        event.text = lines.join("\n");
    }
    let seconds =
        |field: &str| json::text(item, field).and_then(|t| t.parse::<i64>().ok()).filter(|s| *s > 0);
    event.posted_at = json::time(item, "date", observation.observed_at);
    event.edited_at = seconds("timestamp").map(streife_domain::Timestamp::from_secs);
    event.author = item.get("Orgc").and_then(|o| json::text(o, "name")).map(|name| Author {
        id: name.to_owned(),
        handle: None,
        name: Some(name.to_owned()),
    });
    event.tags =
        json::items(item, "Tag").iter().filter_map(|t| json::text(t, "name")).map(str::to_owned).collect();
    parsed.push(event, raw);
}

#[cfg(test)]
mod tests {
    use super::*;
    use streife_domain::Timestamp;

    #[test]
    fn an_event_with_attributes_and_marking() {
        let text = br#"{"Event":{"uuid":"u","info":"i","date":"2026-01-02","timestamp":"1767323045","Orgc":{"name":"o"},"Tag":[{"name":"tlp:green"}],"Attribute":[{"type":"url","value":"http://x.test/"}]}}"#;
        let o = Observation::new("f", &text[..], Timestamp::default());
        let p = parse(&o, &ParseContext::new("t"));
        assert_eq!(p.events[0].event.text, "i\nurl: http://x.test/");
        assert_eq!(p.events[0].event.tags, ["tlp:green"]);
    }
}
