//! `streife bench latency`: from an accepted post to one that the desk shows, at a steady rate.
//!
//! Posts come in at half of what the machine carried just before. About one in forty hits a rule. A post is accepted when it is
//! handed to the log; it is visible when the desk, which looks for news as the real one does, has it on the first page of
//! its queue. One clock, that of the machine, at both ends.

use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use streife_domain::PostId;
use streife_runtime::Analyser;
use streife_runtime::collect::LogSink;
use streife_sdk::{ParseContext, Sink};
use streife_store::queries::{QueueFilter, QueueOrder};
use tokio_util::sync::CancellationToken;

use super::Figure;
use super::corpus::{self, Corpus};
use super::pipeline::{observation_at, watch_rules, whole_path};
use super::whole_path::WholePath;
use crate::cli::BenchArgs;
use crate::failure::Failure;
use crate::roles::desk::NEWS_INTERVAL;

/// Posts of the run that measures what the machine carries.
const FULL_LOAD_POSTS: usize = 30_000;
/// So many rules of the corpus hit about one post in forty.
const RULES: usize = 100;
const SEED: u64 = 3;
/// How long posts come in.
const SECONDS: f64 = 30.0;
/// The first seconds do not count: the engine makes its first parts, caches fill.
const WARM_UP: Duration = Duration::from_secs(5);
/// A connector hands on what came within so long.
const ARRIVALS: Duration = Duration::from_millis(50);
/// Posts on the page that is looked at.
const PAGE: u32 = 500;

type Accepted = Arc<Mutex<HashMap<PostId, Instant>>>;

pub(crate) fn run(args: &BenchArgs) -> Result<Vec<Figure>, Failure> {
    let corpus = corpus::generate(FULL_LOAD_POSTS, RULES, SEED);
    let analyser = super::analyser_without_encoder(watch_rules(&corpus)?)?;
    let cores = crate::open::cores();
    let carried = FULL_LOAD_POSTS as f64 / whole_path(&corpus, &analyser, cores)?.cost.wall_seconds;
    let rate = carried / 2.0;

    // The same rules over other posts.
    let posts = (rate * SECONDS) as usize * args.scale as usize;
    let load = corpus::generate(posts, RULES, SEED);
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(cores.get()).enable_all().build()?;
    let mut delays = runtime.block_on(steady(&load, &analyser, cores, rate))?;
    delays.sort_by(f64::total_cmp);
    let at = |share: f64| delays.get((delays.len() as f64 * share) as usize).copied().unwrap_or(f64::NAN);
    Ok(vec![
        Figure::new("posts at full load", carried, "posts/s"),
        Figure::new("posts at half load", rate, "posts/s"),
        Figure::new("flagged posts looked for", delays.len() as f64, "posts"),
        Figure::new("accepted to visible: half of them within", at(0.5), "s"),
        Figure::new("accepted to visible: 99 % within", at(0.99), "s"),
        Figure::new("accepted to visible: the slowest", delays.last().copied().unwrap_or(f64::NAN), "s"),
    ])
}

/// Seconds from accepted to visible of each flagged post after the warm-up.
async fn steady(
    load: &Corpus,
    analyser: &Arc<Analyser>,
    cores: NonZeroUsize,
    rate: f64,
) -> Result<Vec<f64>, Failure> {
    let path = WholePath::in_memory(analyser, cores).await?;
    let accepted = Accepted::default();
    let (stop, begun) = (CancellationToken::new(), Instant::now());
    let desk = tokio::spawn(look(Arc::clone(&path.store), Arc::clone(&accepted), stop.clone()));
    let (sink, context) = (LogSink::new(Arc::clone(&path.log)), ParseContext::new("bench"));
    let per_arrival = (rate * ARRIVALS.as_secs_f64()).max(1.0) as usize;
    let mut clock = tokio::time::interval(ARRIVALS);
    for lines in load.events.chunks(per_arrival) {
        clock.tick().await;
        let parsed =
            streife_bluesky::jetstream::parse(&observation_at(lines, crate::open::clock().now()), &context);
        let now = Instant::now();
        if now.duration_since(begun) > WARM_UP {
            let mut accepted = accepted.lock().unwrap_or_else(PoisonError::into_inner);
            accepted.extend(parsed.events.iter().map(|parsed| (parsed.event.post_id(), now)));
        }
        sink.publish(&parsed.events).await.map_err(anyhow::Error::from)?;
    }
    path.until_stored().await?;
    tokio::time::sleep(NEWS_INTERVAL * 2).await;
    stop.cancel();
    let delays = desk.await.map_err(anyhow::Error::from)??;
    path.end(load.events.len() as u64).await?;
    Ok(delays)
}

/// What the desk does: looks for news, and reads its first page when there are any.
async fn look(
    store: Arc<streife_store::Store>,
    accepted: Accepted,
    stop: CancellationToken,
) -> Result<Vec<f64>, Failure> {
    let (mut delays, mut seen) = (Vec::new(), 0);
    let filter = QueueFilter::default();
    while !stop.is_cancelled() {
        tokio::time::sleep(NEWS_INTERVAL).await;
        let flagged = store.flagged_rows().await?;
        if flagged == std::mem::replace(&mut seen, flagged) {
            continue;
        }
        let page = store.queue(&filter, QueueOrder::Newest, None, PAGE).await?;
        let now = Instant::now();
        let mut accepted = accepted.lock().unwrap_or_else(PoisonError::into_inner);
        let visible = page.items.iter().filter_map(|item| accepted.remove(&item.post.post_id));
        delays.extend(visible.map(|then| now.duration_since(then).as_secs_f64()));
    }
    Ok(delays)
}
