//! Pictures of posts, from a feed on a server of the test over the log to a flagged post.

use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use bytes::Bytes;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use streife_domain::{
    Clock, Event, EventKind, FlaggedRecord, Media, MediaPolicy, Priority, PseudonymKey, SystemClock,
};
use streife_log::{EmbeddedLog, EventLog};
use streife_media::testing::{png, words};
use streife_media::{
    BankBuilder, Looker, Luminance, Ocr, OcrError, Tesseract, TesseractConfig, Treatment, decode, pdq,
};
use streife_rules::{RuleSet, SourceFile};
use streife_runtime::collect::LogCursors;
use streife_runtime::pictures::{PictureOptions, PictureSink, PictureWorker, pictures};
use streife_runtime::score::{self, ScoreOptions, ScoreWorker};
use streife_runtime::{Analyser, Backoff, Encode, names, parse_topics};
use streife_scoring::Models;
use streife_sdk::conformance::{Reply, deps, serve};
use streife_sdk::{
    HealthBoard, Http, HttpConfig, MediaSettings, ParsedEvent, RunOptions, Sink, SourceConfig, run_source,
};
use streife_text::language::Identifier;
use tokio_util::sync::CancellationToken;

/// Everything takes milliseconds; a machine that does much else may need longer.
const PATIENCE: Duration = Duration::from_secs(60);
/// The name that rules look for.
const WATCHED: &str = "Gartenzwerg";

struct World {
    folder: tempfile::TempDir,
    log: Arc<dyn EventLog>,
    clock: Arc<dyn Clock>,
}

impl World {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let log: Arc<dyn EventLog> = Arc::new(EmbeddedLog::open(folder.path(), clock.clone()).unwrap());
        log.ensure_topics(&parse_topics(include_str!("../schemas/topics.toml"), 1).unwrap()).await.unwrap();
        Self { folder, log, clock }
    }

    fn pictures(&self, http: Http, looker: Looker, options: PictureOptions) -> (PictureSink, PictureWorker) {
        let on = MediaSettings { policy: MediaPolicy::Hash, ..MediaSettings::default() };
        let sources = HashMap::from([("t".to_owned(), on)]);
        pictures(self.log.clone(), http, self.clock.clone(), looker, sources, options)
    }

    /// Reads the feed of a server again and again, as `collect` does, until the log holds `records`.
    async fn collect(&self, address: std::net::SocketAddr, looker: Looker, records: usize) {
        let (sink, worker) = self.pictures(deps().http, looker, options());
        let config: SourceConfig =
            toml::from_str(&format!("name='t'\nkind='feed'\n[settings]\nurls=['http://{address}/feed']"))
                .unwrap();
        let stop = CancellationToken::new();
        let working = tokio::spawn(worker.run(stop.clone()));
        let collecting = tokio::spawn({
            let (log, clock, stop) = (self.log.clone(), self.clock.clone(), stop.clone());
            async move {
                let connector = streife_feed::feed::connect(&config, &deps()).unwrap();
                let options = RunOptions {
                    name: "t".to_owned(),
                    kind: "feed",
                    interval: Duration::from_millis(200),
                    clock,
                    health: HealthBoard::default(),
                    seed: 1,
                };
                run_source(connector, options, &sink, &LogCursors::new(log), stop).await.unwrap();
            }
        });
        self.until_raw(records).await;
        stop.cancel();
        collecting.await.unwrap();
        working.await.unwrap();
    }

    async fn raw(&self) -> Vec<Event> {
        let mut events = Vec::new();
        let mut visit = |message: streife_log::Message| {
            events.push(serde_json::from_slice(&message.record.value).unwrap());
        };
        self.log.read_all(names::RAW, &mut visit).await.unwrap();
        events
    }

    async fn until_raw(&self, records: usize) -> Vec<Event> {
        let began = Instant::now();
        loop {
            let events = self.raw().await;
            if events.len() >= records {
                return events;
            }
            assert!(began.elapsed() < PATIENCE, "{} of {records} records", events.len());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Scores all that the log holds, with one rule about the text in pictures.
    async fn score(&self) -> Vec<FlaggedRecord> {
        let yaml = format!(
            "id: sign\nversion: 1\ntitle: Sign\nowner: a\napproved_by: b\nstate: live\npurpose: demonstration\nlegal_basis: none\n\
             review_by: 2027-01-31\nseverity: medium\nwhen: 'ocr:{WATCHED}'\n\
             tests: [{{text: x, ocr: {WATCHED}, expect: hit}}]\n"
        );
        let compiled = RuleSet::compile(&[SourceFile { path: "sign.yaml", text: &yaml }], "2026-11-22");
        assert_eq!(compiled.set.rules().len(), 1, "{:?}", compiled.problems);
        let identifier = Arc::new(Identifier::rules_only());
        let analyser =
            Analyser::new(identifier, Arc::new(Models::off()), Arc::new(compiled.set), Encode::None);
        let worker = ScoreWorker {
            log: self.log.clone(),
            analyser: Arc::new(ArcSwap::from_pointee(analyser)),
            pseudonyms: PseudonymKey::new([7; 32]),
            clock: self.clock.clone(),
            options: ScoreOptions {
                max_batch_records: 100,
                threads: NonZeroUsize::MIN,
                legal: Arc::default(),
                backoff: Backoff::default(),
            },
        };
        let stop = CancellationToken::new();
        let running = tokio::spawn({
            let stop = stop.clone();
            async move { worker.run(stop).await.unwrap() }
        });
        let began = Instant::now();
        loop {
            let ends = self.log.bounds(names::RAW).await.unwrap();
            let committed = self.log.committed(score::GROUP, names::RAW).await.unwrap();
            if ends.iter().zip(committed).all(|((first, end), next)| next.unwrap_or(*first) == *end) {
                break;
            }
            assert!(began.elapsed() < PATIENCE);
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        stop.cancel();
        running.await.unwrap();
        let mut flagged = Vec::new();
        let mut visit = |message: streife_log::Message| {
            flagged.push(serde_json::from_slice(&message.record.value).unwrap());
        };
        self.log.read_all(names::FLAGGED, &mut visit).await.unwrap();
        flagged
    }
}

fn options() -> PictureOptions {
    PictureOptions { queue_posts: 10, fetches: 2, looks: 1, wait: PATIENCE }
}

/// The address that the server was asked under.
fn host(head: &str) -> &str {
    let line = head.lines().find(|line| line.to_ascii_lowercase().starts_with("host:")).unwrap();
    line[5..].trim()
}

/// A feed of one post with a picture, and the picture.
async fn site(text: &'static str, picture: Vec<u8>) -> (std::net::SocketAddr, Arc<AtomicUsize>) {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = asked.clone();
    let address = serve(move |path, head| match path {
        "/feed" => Reply::ok(format!(
            "<rss version='2.0'><channel><title>t</title><item><guid>urn:1</guid><title>{text}</title>\
             <enclosure url='http://{}/picture.png' type='image/png' length='{}'/></item></channel></rss>",
            host(head),
            picture.len()
        )),
        "/picture.png" => {
            count.fetch_add(1, Ordering::SeqCst);
            Reply::ok(picture.clone()).header("Content-Type", "image/png")
        }
        _ => Reply::status(404),
    })
    .await;
    (address, asked)
}

fn count(result: &str) -> u64 {
    let text = prometheus::TextEncoder::new().encode_to_string(&prometheus::gather()).unwrap();
    let line = format!("streife_pictures_total{{result=\"{result}\"}} ");
    text.lines().find_map(|found| found.strip_prefix(&line)).map_or(0, |count| count.parse().unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_word_in_a_picture_hits_a_rule_and_the_post_is_flagged() {
    let tesseract = match Tesseract::new(TesseractConfig::default()) {
        Ok(tesseract) => tesseract,
        Err(OcrError::Start { .. }) => {
            eprintln!(
                "SKIPPED: tesseract is not installed (apt install tesseract-ocr tesseract-ocr-deu), nothing was proven"
            );
            return;
        }
        Err(error) => panic!("{error}"),
    };
    let (address, asked) = site("Unser Fest", png(&words(&["Am Sonntag im Park", WATCHED]))).await;
    let world = World::new().await;
    world.collect(address, Looker { bank: None, ocr: Some(Arc::new(tesseract)) }, 2).await;

    let [first, second] = &world.raw().await[..] else { panic!("two observations") };
    assert!(!first.media[0].is_seen() && second.media[0].is_seen());
    assert_eq!(first.post_id(), second.post_id());
    assert!(second.observed_at > first.observed_at);
    assert_eq!(second.media[0].text.as_deref(), Some("Am Sonntag im Park\nGartenzwerg"));
    assert!(second.media[0].pdq.is_some());
    assert_eq!(asked.load(Ordering::SeqCst), 1, "a picture is fetched once, however often the feed is read");

    let [flagged] = &world.score().await[..] else { panic!("one flagged post") };
    assert_eq!(flagged.post.text, "Unser Fest");
    let hits: Vec<&str> = flagged.verdict.hits.iter().map(|hit| hit.rule.as_str()).collect();
    assert_eq!((hits, flagged.verdict.priority), (vec!["sign"], Priority::Medium));
    assert!(flagged.verdict.hits[0].spans.is_empty(), "spans are of the post's own text");
    assert_eq!(flagged.media[0].text, second.media[0].text);
}

/// Reads what must not be read.
struct Forbidden;

impl Ocr for Forbidden {
    fn read(&self, _: &Luminance) -> Result<String, OcrError> {
        panic!("a picture that may not be stored was given to a reader");
    }
}

/// Noise over soft hills: nothing that a compressing log could make smaller.
fn unpackable() -> Luminance {
    let mut rng = ChaCha8Rng::seed_from_u64(5);
    let hill = |x: usize, y: usize| 60.0 * ((x as f32 / 37.0).sin() + (y as f32 / 23.0).cos() + 2.0);
    let pixels = (0..400 * 300)
        .map(|i| (hill(i % 400, i / 400) as u8).saturating_add(rng.random_range(0..16)))
        .collect();
    Luminance::new(400, pixels).unwrap()
}

/// Everything that lies in the folder.
fn bytes_of(folder: &Path) -> Vec<u8> {
    let mut bytes = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        bytes.extend(if path.is_dir() { bytes_of(&path) } else { std::fs::read(&path).unwrap() });
    }
    bytes
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_picture_that_may_not_be_stored_is_a_hit_and_its_bytes_are_nowhere() {
    // A word that no compression can shorten, to show that the search below finds what is there.
    const MARKER: &str = "qz7Kx2vJ9wLfR4tNp8Yb";
    let file = png(&unpackable());
    let (hash, quality) = pdq(&decode(&file).unwrap());
    assert!(quality >= 50);
    let mut builder = BankBuilder::default();
    let treatment = Treatment { never_store: true, priority: Priority::High };
    builder.add("bank", format!("{} barred-list barred", hash.to_hex()).as_bytes(), treatment).unwrap();
    let bank = Some(Arc::new(builder.build().unwrap()));
    let (address, _) = site(MARKER, file.clone()).await;
    let world = World::new().await;
    world.collect(address, Looker { bank, ocr: Some(Arc::new(Forbidden)) }, 2).await;

    let [flagged] = &world.score().await[..] else { panic!("one flagged post") };
    let picture = &flagged.media[0];
    assert!(picture.is_barred() && picture.sha256.is_some());
    assert_eq!((&picture.pdq, &picture.text), (&None, &None));
    assert_eq!(picture.banks[0].list, "barred-list");
    let hits: Vec<&str> = flagged.verdict.hits.iter().map(|hit| hit.rule.as_str()).collect();
    assert_eq!((hits, flagged.verdict.priority), (vec!["bank:barred-list"], Priority::High));

    drop(world.log);
    let disk = bytes_of(world.folder.path());
    let holds = |wanted: &[u8]| memchr::memmem::find(&disk, wanted).is_some();
    assert!(holds(MARKER.as_bytes()), "the search would find what is there");
    // Parts from all over the file: a copy, whole or cut, would hold some of them.
    let distance = file.len() / 32;
    for part in file.chunks_exact(distance).skip(1) {
        assert!(!holds(&part[..24]), "bytes of the picture lie on the disk");
    }
    assert!(!holds(hash.to_hex().as_bytes()));
}

fn post(id: &str, url: String) -> ParsedEvent {
    let mut event = Event::new(EventKind::Post, "t", "test", id, SystemClock.now());
    event.text = "Guten Tag".to_owned();
    event.media = vec![Media { media_type: "image".to_owned(), url: Some(url), ..Media::default() }];
    ParsedEvent { event, raw: Bytes::new() }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn collecting_waits_for_no_picture_and_what_is_given_up_is_counted() {
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = silent.local_addr().unwrap();
    let world = World::new().await;
    let few = PictureOptions { queue_posts: 2, fetches: 1, looks: 1, wait: Duration::from_secs(1) };
    let (sink, worker) = world.pictures(deps().http, Looker::default(), few);
    let (full, late) = (count("queue_full"), count("late"));
    let posts = (0..5).map(|n| post(&n.to_string(), format!("http://{address}/{n}.png"))).collect::<Vec<_>>();
    let began = Instant::now();
    sink.publish(&posts).await.unwrap();
    assert_eq!(world.raw().await.len(), 5, "the log has the posts");
    assert_eq!(count("queue_full") - full, 3);
    drop(sink);
    worker.run(CancellationToken::new()).await;
    assert!(began.elapsed() < Duration::from_secs(30));
    assert_eq!(count("late") - late, 2);
    assert_eq!(world.raw().await.len(), 5, "nothing was found, so nothing is added");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_may_not_be_fetched_or_unpacked_is_refused_and_counted() {
    let flat = Luminance::new(40, vec![9; 40 * 40]).unwrap();
    let (address, asked) = site("x", png(&flat)).await;
    let page = serve(|_, _| Reply::ok("<html>").header("Content-Type", "text/html")).await;
    let fake = serve(|_, _| Reply::ok("no picture").header("Content-Type", "image/png")).await;
    let large = serve(|_, _| Reply::ok(vec![0; 9 << 20]).header("Content-Type", "image/png")).await;
    let world = World::new().await;
    let strict = Http::new(&HttpConfig::default(), world.clock.clone()).unwrap();
    let labels = ["refused", "other_type", "other_format", "failed", "looked_at"];
    let before: Vec<u64> = labels.iter().map(|label| count(label)).collect();
    for (http, urls) in [
        // Our own network stays out of reach of a stranger's post.
        (strict, vec![format!("http://{address}/picture.png"), "http://[::1]:1/a.png".to_owned()]),
        (deps().http, [page, fake, large].iter().map(|at| format!("http://{at}/a.png")).collect()),
        (deps().http, vec![format!("http://{address}/picture.png")]),
    ] {
        let (sink, worker) = world.pictures(http, Looker::default(), options());
        let posts =
            urls.into_iter().enumerate().map(|(n, url)| post(&n.to_string(), url)).collect::<Vec<_>>();
        sink.publish(&posts).await.unwrap();
        drop(sink);
        worker.run(CancellationToken::new()).await;
    }
    let after: Vec<u64> = labels.iter().zip(before).map(|(label, before)| count(label) - before).collect();
    assert_eq!(after, [2, 1, 1, 1, 1], "{labels:?}");
    assert_eq!(asked.load(Ordering::SeqCst), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_fetched_for_a_source_that_does_not_say_so() {
    let (address, asked) = site("x", Vec::new()).await;
    let world = World::new().await;
    let (sink, worker) = world.pictures(deps().http, Looker::default(), options());
    let mut seen = post("1", format!("http://{address}/picture.png"));
    seen.event.source = "another".to_owned();
    sink.publish(&[seen]).await.unwrap();
    drop(sink);
    worker.run(CancellationToken::new()).await;
    assert_eq!((asked.load(Ordering::SeqCst), world.raw().await.len()), (0, 1));
}
