//! What a capture consists of, file by file, and its seal. Captures from feeds and streams are made of the bytes
//! collected, so they can be sealed even when the page has gone since.

pub mod browser;

use serde_json::json;
use streife_domain::Clock;

use crate::input::CapturedItem;
use crate::package::zip::Files;
use crate::seal::{Seal, TimeStampService};

/// The files of an item that its seal covers, by name within the item's folder.
pub fn objects(item: &CapturedItem) -> Files {
    let facts = json!({
        "role": item.role, "post": item.post, "account": item.account, "capture": item.capture,
        "missing": item.missing,
    });
    let headers = json!({
        "url": item.response.url,
        "request": item.request,
        "response": {
            "status": item.response.status, "headers": item.response.headers, "media_type": item.response.media_type,
        },
    });
    let mut files: Files = [
        ("post.json", pretty(&facts)),
        ("headers.json", pretty(&headers)),
        ("raw.bin", item.response.body.clone()),
        ("text.txt", item.post.text.clone().into_bytes()),
    ]
    .map(|(name, content)| (name.to_owned(), content))
    .into();
    let optional = [
        ("screenshot.png", &item.screenshot),
        ("screenshot-plain.png", &item.screenshot_plain),
        ("page.pdf", &item.page_pdf),
        ("dom.html", &item.dom_html),
    ];
    for (name, content) in optional {
        if let Some(content) = content {
            files.insert(name.to_owned(), content.clone());
        }
    }
    files
}

/// JSON for people, ending with a line feed.
pub(crate) fn pretty(value: &serde_json::Value) -> Vec<u8> {
    format!("{value:#}\n").into_bytes()
}

/// Hashes the item as it is now and asks every service for a stamp. What a service did not answer stays pending:
/// call [`Seal::stamp`] again later. Returns how many are pending.
pub fn seal(item: &mut CapturedItem, services: &[&dyn TimeStampService], clock: &dyn Clock) -> usize {
    let files = objects(item);
    let named = files.iter().map(|(name, content)| (name.as_str(), content.as_slice()));
    let mut seal = Seal::over(named, services, clock.now());
    let pending = seal.stamp(services, clock);
    item.seal = Some(seal);
    pending
}

/// Does the seal cover exactly what the item holds now?
pub fn is_unchanged_since_seal(item: &CapturedItem) -> bool {
    let files = objects(item);
    let named = files.iter().map(|(name, content)| (name.as_str(), content.as_slice()));
    let now = Seal::over(named, &[], streife_domain::Timestamp::default());
    item.seal.as_ref().is_some_and(|seal| seal.root == now.root && seal.objects == now.objects)
}
