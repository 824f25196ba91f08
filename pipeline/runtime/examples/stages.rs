use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Instant;
use streife_domain::*;
use streife_log::{Message, Record};
use streife_rules::*;
use streife_runtime::collect::event_record;
use streife_runtime::*;
use streife_scoring::*;
use streife_text::duplicate::*;
use streife_text::*;
fn main() {
    let dir = std::env::args().nth(1).unwrap();
    let events: Vec<serde_json::Value> = std::fs::read_to_string(format!("{dir}/events.jsonl"))
        .unwrap()
        .lines()
        .take(10_000)
        .map(|l| serde_json::from_str(l).unwrap())
        .collect();
    let yaml = std::fs::read_to_string(format!("{dir}/rules.yaml")).unwrap();
    let c = RuleSet::compile(&[SourceFile { path: "b", text: &yaml }], "2026-11-22");
    for p in c.problems.iter().filter(|p| p.severity == Severity::Error).take(3) {
        eprintln!("{p:?}");
    }
    let set = Arc::new(c.set);
    eprintln!("{} rules", set.rules().len());
    let parts = std::path::PathBuf::from("/root/.cache/streife/parts");
    let models = std::path::Path::new("/work/lead/models");
    let m = Arc::new(
        Models::open(&OpenOptions {
            models,
            parts: &parts,
            encoder: false,
            device: "cpu".parse().unwrap(),
            sessions: 1,
        })
        .unwrap(),
    );
    let id = Arc::new(
        language::Identifier::open(&models.join("lid"), Some(&parts.join("lid-176/lid.176.ftz"))).unwrap(),
    );
    let analyser = Analyser::new(id.clone(), m.clone(), set.clone(), Encode::None);
    let now = Timestamp::from_millis(1_725_911_200_000);
    let evs: Vec<Event> = events
        .iter()
        .map(|e| {
            let mut ev = Event::new(
                EventKind::Post,
                "bench",
                "bluesky",
                &format!("{}/{}", e["did"].as_str().unwrap(), e["commit"]["rkey"].as_str().unwrap()),
                now,
            );
            ev.text = e["commit"]["record"]["text"].as_str().unwrap().to_owned();
            ev.author = Some(Author { id: e["did"].as_str().unwrap().to_owned(), ..Author::default() });
            ev
        })
        .collect();
    let n = evs.len() as f64;
    let t = |name: &str, f: &mut dyn FnMut()| {
        let mut best = f64::MAX;
        for _ in 0..5 {
            let s = Instant::now();
            f();
            best = best.min(s.elapsed().as_secs_f64());
        }
        println!("{name:30} {:8.2} us", best * 1e6 / n);
    };
    let raw = bytes::Bytes::from(vec![b'x'; 700]);
    let mut records = vec![];
    t("event_record", &mut || {
        records = evs.iter().map(|e| event_record(e, &raw)).collect();
    });
    let messages: Vec<Message> = (0..)
        .zip(records)
        .map(|(offset, record)| Message {
            topic: "posts.raw".into(),
            partition: 0,
            offset,
            timestamp_ms: 0,
            record,
        })
        .collect();
    t("decode", &mut || {
        for m in &messages {
            let _ = decode(m, now);
        }
    });
    t("fold std", &mut || {
        for e in &evs {
            std::hint::black_box(fold(&e.text, FoldLevel::Std));
        }
    });
    let folded: Vec<_> = evs.iter().map(|e| fold(&e.text, FoldLevel::Std).text).collect();
    t("signature", &mut || {
        for f in &folded {
            std::hint::black_box(signature(f));
        }
    });
    let mut idx = CampaignIndex::new(1 << 18);
    let sigs: Vec<_> = folded.iter().map(|f| signature(f)).collect();
    t("campaign", &mut || {
        for s in &sigs {
            std::hint::black_box(idx.assign(s));
        }
    });
    t("language", &mut || {
        for e in &evs {
            std::hint::black_box(id.identify(&e.text));
        }
    });
    let langs: Vec<_> = evs.iter().map(|e| id.identify(&e.text)).collect();
    t("gate", &mut || {
        for (e, l) in evs.iter().zip(&langs) {
            std::hint::black_box(m.gate(&e.text, l));
        }
    });
    t("fields", &mut || {
        for e in &evs {
            std::hint::black_box(fields(&e.text, &e.tags, &e.links));
        }
    });
    let mut scratch = Scratch::default();
    t("rules", &mut || {
        for (e, l) in evs.iter().zip(&langs) {
            let v = PostView { text: &e.text, language: &l.code, ..PostView::default() };
            std::hint::black_box(set.evaluate(&v, &mut scratch));
        }
    });
    t("analyse", &mut || {
        for e in &evs {
            std::hint::black_box(analyser.analyse(
                &Passage {
                    text: &e.text,
                    tags: &e.tags,
                    links: &e.links,
                    platform: &e.platform,
                    source: &e.source,
                    kind: e.kind,
                },
                &mut scratch,
            ));
        }
    });
    let mut out = BatchOutput::default();
    let legal = HashMap::new();
    let key = PseudonymKey::new([7; 32]);
    t("score_batch", &mut || {
        let mut st = ScoreState::default();
        let mut w = Workers::new(NonZeroUsize::MIN);
        out = score_batch(
            &messages,
            &ScoreContext { analyser: &analyser, pseudonyms: &key, legal: &legal, now },
            &mut st,
            &mut w,
        );
    });
    println!("flagged {} scored {}", out.flagged.len(), out.scored.len());
    let mut recs = vec![];
    t("read outcome", &mut || {
        recs = out
            .scored
            .iter()
            .map(|r: &Record| serde_json::from_slice::<ScoredRecord>(&r.value).unwrap())
            .collect();
    });
    t("write outcome", &mut || {
        for r in &recs {
            std::hint::black_box(serde_json::to_vec(r).unwrap());
        }
    });
    t("pseudonym", &mut || {
        for e in &evs {
            std::hint::black_box(key.pseudonym("bluesky", &e.author.as_ref().unwrap().id));
        }
    });
    t("rows", &mut || {
        for r in &recs {
            std::hint::black_box(streife_store::Rows::of_scored(r));
        }
    });
}
