//! Invented posts and watch rules for benchmarks: the same for the same seed, on any machine.
//!
//! Posts are Jetstream events of about 310 bytes of text in German, English and four other languages, with names,
//! tags, addresses, emoji, spellings with digits, and one exact repetition in twenty. Words are function words of the
//! language and a vocabulary of made-up words with a Zipf-like frequency, so nothing is quoted from anybody. Rules are
//! in the simple format of `streife_rules::baseline`.

use std::fmt::Write as _;

use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use serde_json::{Value, json};

const VOCABULARY: usize = 30_000;
/// One post in so many repeats an earlier one word for word.
const REPEATED_EVERY: u32 = 20;
/// Earlier posts that may be repeated.
const REPEATABLE: usize = 5_000;

const GERMAN: &str = "der die das und ist nicht ein eine ich du er wir ihr sie mit auf für von zu im am aber oder wenn \
    dann weil dass wie was wer wo warum heute morgen gestern immer nie sehr auch nur noch schon mehr alle keine haben \
    sein werden kann muss soll will gegen ohne über unter nach vor bei aus durch um zum zur";
const ENGLISH: &str = "the a an and is are not i you he we they with on for of to in at but or if then because that how \
    what who where why today tomorrow yesterday always never very also only still already more all no have be will can";
const TURKISH: &str =
    "ve bir bu için ile çok daha ama gibi sonra kadar var yok ben sen biz ne nasıl neden değil olarak";
const FRENCH: &str =
    "le la les un une et est dans pour que qui ne pas sur avec plus mais nous vous ils être avoir tout";
const RUSSIAN: &str =
    "и в не на я что он с как это по но они мы вы за бы так все когда уже если только было для";
const ARABIC: &str = "في من على إلى عن أن هذا التي الذي كان لا ما مع هو هي كل بعد قبل عند ثم أو إن قد لم";
const EMOJI: [&str; 10] = ["😂", "🔥", "❤️", "🤔", "👍", "😡", "🇩🇪", "💪", "🙏", "🚀"];
const ONSETS: &str = "b d f g h k l m n p r s t v w z br dr fl gr kl kr pl pr sch schw st tr";
const VOWELS: &str = "a e i o u ä ö ü ei au eu ie ou";
const CODAS: [&str; 15] = ["n", "r", "s", "t", "l", "m", "ng", "cht", "rt", "nd", "st", "ck", "ft", "rn", ""];

/// Jetstream events, one a line, and rules of the simple format, one a line.
pub(crate) struct Corpus {
    pub(crate) events: Vec<String>,
    pub(crate) rules: String,
}

impl Corpus {
    /// Id (`did/rkey`) and text of each post.
    pub(crate) fn posts(&self) -> anyhow::Result<Vec<(String, String)>> {
        let text_of = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        self.events
            .iter()
            .map(|line| {
                let event: Value = serde_json::from_str(line)?;
                let commit = &event["commit"];
                Ok((
                    format!("{}/{}", text_of(&event["did"]), text_of(&commit["rkey"])),
                    text_of(&commit["record"]["text"]),
                ))
            })
            .collect()
    }
}

/// Makes `posts` events and `rules` rules.
pub(crate) fn generate(posts: usize, rules: usize, seed: u64) -> Corpus {
    let mut maker = Maker::new(seed);
    let events = (0..posts).map(|number| maker.event(number)).collect();
    let rules = (0..rules).map(|id| maker.rule(id).to_string() + "\n").collect();
    Corpus { events, rules }
}

/// Events without end.
pub(crate) fn stream(seed: u64) -> impl Iterator<Item = String> {
    let mut maker = Maker::new(seed);
    (0..).map(move |number| maker.event(number))
}

/// The same rules in Streife's own language, at its default fold level, which unifies more spellings than the simple
/// format asks for.
pub(crate) fn as_watch_rules(rules: &str) -> anyhow::Result<String> {
    const REVIEW_SECS: i64 = 30 * 86_400;
    let review_by = crate::open::day(crate::open::clock().now().plus_secs(REVIEW_SECS));
    rules.lines().map(|line| watch_rule(&serde_json::from_str(line)?, &review_by)).collect()
}

fn watch_rule(rule: &Value, review_by: &str) -> anyhow::Result<String> {
    let words = |key: &str, joint: &str| -> String {
        let all = rule[key].as_array().map(Vec::as_slice).unwrap_or_default();
        all.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(joint)
    };
    let expression = match rule["kind"].as_str().unwrap_or_default() {
        "keyword" | "obf" => words("terms", " "),
        "phrase" => format!("\"{}\"", words("terms", " ")),
        "bool" => format!(
            "{} AND ({}) AND NOT {}",
            words("all", " AND "),
            words("any", " OR "),
            words("none", " OR ")
        ),
        "near" => words("terms", &format!(" NEAR/{} ", rule["k"])),
        // An expression alone cannot be looked up: its first letters are the witness.
        "regex" => {
            let pattern = rule["re"].as_str().unwrap_or_default();
            let witness: String = pattern.chars().take_while(|c| c.is_alphabetic()).collect();
            format!("{witness}* AND /{pattern}/")
        }
        other => anyhow::bail!("no such kind of rule: {other:?}"),
    };
    Ok(format!(
        "---\nid: bench-{:06}\nversion: 1\ntitle: Benchmark\nowner: bench\npurpose: demonstration\nlegal_basis: \"none: benchmark\"\n\
         norms: [StGB-111]\nreview_by: {review_by}\nseverity: low\nqueue: bench\nquota_per_day: 1000000\nwhen: |\n  {expression}\n\
         tests:\n  - {{text: not run by the benchmark, expect: miss}}\n",
        rule["id"].as_u64().unwrap_or_default()
    ))
}

struct Maker {
    rng: StdRng,
    vocabulary: Vec<String>,
    repeatable: Vec<String>,
}

impl Maker {
    fn new(seed: u64) -> Self {
        let mut rng = StdRng::seed_from_u64(seed);
        let (onsets, vowels): (Vec<_>, Vec<_>) = (ONSETS.split(' ').collect(), VOWELS.split(' ').collect());
        let mut known = std::collections::HashSet::new();
        let mut vocabulary = Vec::with_capacity(VOCABULARY);
        while vocabulary.len() < VOCABULARY {
            let mut word = String::new();
            for _ in 0..*[1, 2, 2, 3, 3, 4].choose(&mut rng).unwrap_or(&2) {
                for part in [&onsets[..], &vowels[..], &CODAS[..]] {
                    word.push_str(part.choose(&mut rng).unwrap_or(&""));
                }
            }
            if word.len() > 3 && known.insert(word.clone()) {
                vocabulary.push(word);
            }
        }
        Self { rng, vocabulary, repeatable: Vec::new() }
    }

    /// A frequent word mostly, a rare one sometimes.
    fn word(&mut self) -> String {
        let rank = (VOCABULARY as f64).powf(self.rng.random::<f64>()) as usize;
        self.vocabulary[rank.saturating_sub(1).min(VOCABULARY - 1)].clone()
    }

    fn rare_word(&mut self) -> String {
        self.vocabulary[self.rng.random_range(300..VOCABULARY)].clone()
    }

    fn text(&mut self) -> String {
        let language = match self.rng.random_range(0..100) {
            0..45 => GERMAN,
            45..80 => ENGLISH,
            80..86 => TURKISH,
            86..92 => FRENCH,
            92..97 => RUSSIAN,
            _ => ARABIC,
        };
        let small: Vec<&str> = language.split_whitespace().collect();
        let length = *[8, 15, 20, 28, 35, 42, 45, 60].choose(&mut self.rng).unwrap_or(&28);
        let mut words: Vec<String> = Vec::with_capacity(length + 4);
        for _ in 0..length {
            let word = if self.rng.random_bool(0.45) {
                small.choose(&mut self.rng).map(|word| (*word).to_owned()).unwrap_or_default()
            } else {
                self.word()
            };
            words.push(word);
        }
        if self.rng.random_bool(0.04) {
            let at = self.rng.random_range(0..words.len());
            words[at] = words[at].replace('a', "4").replace('e', "3").replace('o', "0");
        }
        if self.rng.random_bool(0.3) {
            words.push(format!("#{}", self.word()));
        }
        if self.rng.random_bool(0.3) {
            words.extend(EMOJI.choose(&mut self.rng).map(|emoji| (*emoji).to_owned()));
        }
        if self.rng.random_bool(0.2) {
            words.insert(0, format!("@user{}", self.rng.random_range(0..1_000_000)));
        }
        if self.rng.random_bool(0.25) {
            words.push(format!("https://example.org/{:x}", self.rng.random::<u32>()));
        }
        if let Some(first) = words.first_mut() {
            let mut letters = first.chars();
            *first = letters.next().map(|c| c.to_uppercase().chain(letters).collect()).unwrap_or_default();
        }
        words.join(" ")
    }

    fn event(&mut self, number: usize) -> String {
        let repeat = !self.repeatable.is_empty() && self.rng.random_ratio(1, REPEATED_EVERY);
        let text = match self.repeatable.choose(&mut self.rng) {
            Some(earlier) if repeat => earlier.clone(),
            _ => self.text(),
        };
        if self.repeatable.len() < REPEATABLE {
            self.repeatable.push(text.clone());
        }
        let did = format!("did:plc:{:024x}", self.rng.random::<u128>() >> 32);
        let mut revision = String::new();
        let _ = write!(revision, "{number:013x}");
        json!({
            "did": did,
            "time_us": 1_725_911_162_329_308_u64 + number as u64 * 1_000,
            "kind": "commit",
            "commit": {
                "rev": "3l3qo2vutsw2b", "operation": "create", "collection": "app.bsky.feed.post", "rkey": revision,
                "record": {"$type": "app.bsky.feed.post", "createdAt": "2024-09-09T19:46:02.102Z", "langs": ["de"], "text": text},
                "cid": "bafyreidwaivazkwu67xztlmuobx35hs2lnfh3kolmgfmucldvhd3sgzcqi"
            }
        })
        .to_string()
    }

    /// Half words, a fifth phrases, the rest combinations, neighbourhoods, digit spellings and expressions.
    fn rule(&mut self, id: usize) -> Value {
        match self.rng.random_range(0..100) {
            0..50 => json!({"id": id, "kind": "keyword", "terms": [self.rare_word()]}),
            50..70 => json!({"id": id, "kind": "phrase", "terms": [self.word(), self.word()]}),
            70..85 => {
                let any: Vec<String> = (0..4).map(|_| self.word()).collect();
                json!({"id": id, "kind": "bool", "all": [self.rare_word()], "any": any, "none": [self.word()]})
            }
            85..93 => json!({"id": id, "kind": "near", "terms": [self.word(), self.rare_word()], "k": 8}),
            93..97 => json!({"id": id, "kind": "obf", "terms": [self.rare_word()]}),
            _ => {
                let small: Vec<&str> = GERMAN.split_whitespace().collect();
                let end = small.choose(&mut self.rng).copied().unwrap_or("und");
                let pattern = format!(r"{}[a-zäöü]{{0,4}}\s+\w+\s+{end}\b", self.rare_word());
                json!({"id": id, "kind": "regex", "re": pattern})
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_makes_the_same_posts_of_the_stated_length() {
        let (one, two) = (generate(2_000, 50, 7), generate(2_000, 50, 7));
        assert_eq!(one.events, two.events);
        assert_eq!(one.rules, two.rules);
        let bytes: usize = one
            .events
            .iter()
            .map(|event| {
                serde_json::from_str::<Value>(event).unwrap()["commit"]["record"]["text"]
                    .as_str()
                    .unwrap()
                    .len()
            })
            .sum();
        assert!((230..390).contains(&(bytes / 2_000)), "{}", bytes / 2_000);
    }
}
