//! Every kind, with the contract server that its conformance test uses.

use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;

use streife_sdk::conformance::{Ask, Reply, contract_server};

#[path = "../../../../connectors/bluesky/tests/common/mod.rs"]
mod common;
#[path = "../../../../connectors/discourse/tests/contract/mod.rs"]
mod discourse;
#[path = "../../../../connectors/exchange/tests/contract/mod.rs"]
mod exchange;
#[path = "../../../../connectors/feed/tests/contract/mod.rs"]
mod feed;
#[path = "../../../../connectors/bluesky/tests/firehose_contract/mod.rs"]
mod firehose;
#[path = "../../../../connectors/forum/tests/contract/mod.rs"]
mod forum;
#[path = "../../../../connectors/imageboard/tests/contract/mod.rs"]
mod imageboard;
#[path = "../../../../connectors/bluesky/tests/jetstream_contract/mod.rs"]
mod jetstream;
#[path = "../../../../connectors/lemmy/tests/contract/mod.rs"]
mod lemmy;
#[path = "../../../../connectors/licensed/tests/contract/mod.rs"]
mod licensed;
#[path = "../../../../connectors/mastodon/tests/contract/mod.rs"]
mod mastodon;
#[path = "../../../../connectors/matrix/tests/contract/mod.rs"]
mod matrix;
#[path = "../../../../connectors/nntp/tests/contract/mod.rs"]
mod nntp;
#[path = "../../../../connectors/nostr/tests/contract/mod.rs"]
mod nostr;
#[path = "../../../../connectors/telegram/tests/contract/mod.rs"]
mod telegram;
#[path = "../../../../connectors/youtube/tests/contract/mod.rs"]
mod youtube;

/// Posts on each server that is read over HTTP.
const POSTS: u64 = 30;

type Opening = Pin<Box<dyn Future<Output = SocketAddr>>>;

/// A kind and who answers it.
#[derive(Clone, Copy)]
pub(crate) struct Case {
    pub(crate) kind: &'static str,
    /// As in the conformance test: `{address}`, `{port}` and `{secret}` are put in.
    pub(crate) settings: &'static str,
    pub(crate) server: Server,
    /// Events that the first fetch brings, at least.
    pub(crate) events: usize,
}

#[derive(Clone, Copy)]
pub(crate) enum Server {
    Http(fn(&Ask) -> Reply),
    Own(fn() -> Opening),
}

impl Case {
    const fn http(
        kind: &'static str,
        settings: &'static str,
        answer: fn(&Ask) -> Reply,
        events: usize,
    ) -> Self {
        Self { kind, settings, server: Server::Http(answer), events }
    }

    const fn own(kind: &'static str, settings: &'static str, open: fn() -> Opening, events: usize) -> Self {
        Self { kind, settings, server: Server::Own(open), events }
    }

    pub(crate) async fn open(&self) -> SocketAddr {
        match self.server {
            Server::Http(answer) => contract_server(POSTS, answer).await,
            Server::Own(open) => open().await,
        }
    }
}

/// Kinds whose terms need an agreement.
pub(crate) const LICENSED: [&str; 4] = ["x", "reddit", "tiktok", "vk"];

/// All kinds that ask a server.
pub(crate) const LIVE: &[Case] = &[
    Case::http("feed", feed::FEED, feed::feed, 30),
    Case::http("page", feed::PAGE, feed::site, 1),
    Case::own("jetstream", jetstream::SETTINGS, || Box::pin(jetstream::serve(usize::MAX)), 1),
    Case::own("firehose", firehose::SETTINGS, || Box::pin(firehose::serve(usize::MAX)), 1),
    Case::http("mastodon", mastodon::SETTINGS, mastodon::timeline, 30),
    Case::http("telegram", telegram::SETTINGS, telegram::preview, 20),
    Case::own("nostr", nostr::SETTINGS, || Box::pin(nostr::relay(usize::MAX)), 1),
    Case::http("discourse", discourse::SETTINGS, discourse::posts, 10),
    Case::http("lemmy", lemmy::SETTINGS, lemmy::list, 10),
    Case::http("imageboard", imageboard::SETTINGS, imageboard::board, 15),
    Case::http("forum", forum::SETTINGS, forum::thread, 10),
    Case::own("nntp", nntp::SETTINGS, || Box::pin(nntp::serve()), 10),
    Case::http("matrix", matrix::SETTINGS, matrix::messages, 30),
    Case::http("youtube", youtube::SETTINGS, youtube::threads, 10),
    Case::http("x", licensed::SETTINGS, licensed::x, 10),
    Case::http("reddit", licensed::SETTINGS, licensed::reddit, 10),
    Case::http("tiktok", licensed::SETTINGS, licensed::tiktok, 10),
    Case::http("vk", licensed::SETTINGS, licensed::vk, 30),
    Case::http("misp", exchange::MISP, exchange::misp_feed, 1),
    Case::http("stix", exchange::TAXII, exchange::collection, 10),
];

/// Kinds that read files: name, file name, content.
pub(crate) const FILES: [(&str, &str, &str); 4] = [
    ("archive", "a.jsonl", "{\"id\":\"1\",\"text\":\"eins\"}\n{\"id\":\"2\",\"text\":\"zwei\"}\n"),
    ("jsonl", "b.jsonl", "{\"id\":\"1\",\"text\":\"eins\"}\n"),
    ("csv", "c.csv", "id,text\n1,eins\n2,zwei\n"),
    (
        "warc",
        "d.warc",
        "WARC/1.0\r\nWARC-Type: conversion\r\nWARC-Target-URI: https://x.test/a\r\nWARC-Date: 2026-01-02T03:04:05Z\r\nContent-Type: text/plain\r\nContent-Length: 4\r\n\r\neins\r\n\r\n",
    ),
];
