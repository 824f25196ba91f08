//! Reviewers and queue pages, as their browsers speak to the desk.

use std::time::{Duration, Instant};

use reqwest::{Client, RequestBuilder, StatusCode, header};
use streife_cases::role::Role;
use streife_cases::store::{CaseStore, NewUser};

use crate::failure::Failure;
use crate::open;

/// How long the desk's script waits before it looks again.
const LOOK_AGAIN: Duration = Duration::from_millis(400);
/// Somebody whose hands stayed empty asks again after this.
const ASK_AGAIN: Duration = Duration::from_millis(200);
const REQUEST_TIMEOUT: Duration = Duration::from_secs(60);

/// Somebody with an account and an open session.
#[derive(Debug, Clone)]
pub(super) struct Person {
    pub(super) name: String,
}

/// What somebody did, with the time each step took.
#[derive(Debug, Default)]
pub(super) struct Worked {
    pub(super) decisions: Vec<Duration>,
    pub(super) items: Vec<Duration>,
    pub(super) queue_pages: Vec<Duration>,
    /// Posts whose decision was accepted, those of the warm-up included.
    pub(super) decided: Vec<String>,
    /// Times that somebody was given nothing, though posts wait.
    pub(super) empty_hands: usize,
    /// Who was given which post last, to be held still at the end.
    pub(super) held: Vec<(String, String)>,
    /// Decisions on held posts that were refused: their claims were lost.
    pub(super) refused: Vec<String>,
}

impl Worked {
    pub(super) fn add(&mut self, other: Self) {
        self.decisions.extend(other.decisions);
        self.items.extend(other.items);
        self.queue_pages.extend(other.queue_pages);
        self.decided.extend(other.decided);
        self.empty_hands += other.empty_hands;
        self.held.extend(other.held);
        self.refused.extend(other.refused);
    }

    pub(super) fn sort(&mut self) {
        self.decisions.sort();
        self.items.sort();
        self.queue_pages.sort();
    }
}

pub(super) fn client() -> Result<Client, Failure> {
    let builder = Client::builder().no_proxy().timeout(REQUEST_TIMEOUT);
    Ok(builder.redirect(reqwest::redirect::Policy::none()).build().map_err(anyhow::Error::from)?)
}

/// Accounts with sessions; nobody can log in with their password.
pub(super) async fn with_accounts(
    cases: &CaseStore,
    name: &str,
    role: Role,
    count: usize,
) -> Result<Vec<Person>, Failure> {
    let mut people = Vec::with_capacity(count);
    for number in 0..count {
        let (name, at) = (format!("{name}-{number}"), open::clock().now());
        let user = NewUser { id: &name, name: &name, roles: &[role], password: "!", at };
        cases.put_user(&user).await?;
        cases.open_session(&name, &format!("session-{name}"), &format!("csrf-{name}"), at).await?;
        people.push(Person { name });
    }
    Ok(people)
}

impl Person {
    fn as_them(&self, request: RequestBuilder) -> RequestBuilder {
        request.header(header::COOKIE, format!("streife_session=session-{}", self.name))
    }

    async fn get(&self, client: &Client, url: &str) -> Result<Duration, Failure> {
        let begun = Instant::now();
        let answer = self.as_them(client.get(url)).send().await.map_err(anyhow::Error::from)?;
        let status = answer.status();
        let page = answer.bytes().await.map_err(anyhow::Error::from)?;
        if status != StatusCode::OK || page.is_empty() {
            return Err(anyhow::anyhow!("{url}: {status}").into());
        }
        Ok(begun.elapsed())
    }

    /// Where the desk leads after a form; `None` where it refuses.
    async fn post(
        &self,
        client: &Client,
        url: &str,
        fields: &[(&str, &str)],
    ) -> Result<Option<String>, Failure> {
        let form: String = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let request = client
            .post(url)
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .header("x-csrf-token", format!("csrf-{}", self.name))
            .body(form);
        let answer = self.as_them(request).send().await.map_err(anyhow::Error::from)?;
        match answer.status() {
            StatusCode::SEE_OTHER => {
                let to = answer.headers().get(header::LOCATION).and_then(|to| to.to_str().ok());
                Ok(to.map(str::to_owned))
            }
            StatusCode::CONFLICT => Ok(None),
            status => Err(anyhow::anyhow!("{url}: {status}").into()),
        }
    }
}

/// The post that a page shows.
fn post_of(page: &str) -> Option<&str> {
    page.strip_prefix("/items/")?.split(['?', '/']).next()
}

/// Takes a post, looks at it, decides, is given the next.
pub(super) async fn review(
    client: Client,
    site: String,
    person: Person,
    longest_look: Duration,
    from: Instant,
    until: Instant,
) -> Result<Worked, Failure> {
    let mut worked = Worked::default();
    // Not all at the same moment.
    tokio::time::sleep(longest_look.mul_f64(rand::random())).await;
    let mut page = String::new();
    while Instant::now() < until {
        let Some(post) = post_of(&page).map(str::to_owned) else {
            page = person.post(&client, &format!("{site}/next"), &[]).await?.unwrap_or_default();
            if post_of(&page).is_none() {
                worked.empty_hands += 1;
                tokio::time::sleep(ASK_AGAIN).await;
            }
            continue;
        };
        let shown = person.get(&client, &format!("{site}{page}")).await?;
        tokio::time::sleep(longest_look.mul_f64(rand::random())).await;
        let begun = Instant::now();
        // One in eight is a suspicion.
        let decision = if rand::random_range(0..8) == 0 { "norm:StGB-130" } else { "dismiss:opinion" };
        let fields = [("decision", decision), ("then", "next")];
        let led_on = person.post(&client, &format!("{site}/items/{post}/decide"), &fields).await?;
        let took = begun.elapsed();
        match led_on {
            Some(next) => {
                // Where no next post was found, the one just decided stays on screen.
                page = if post_of(&next) == Some(post.as_str()) { String::new() } else { next };
                worked.empty_hands += usize::from(page.is_empty());
                worked.decided.push(post);
                if begun >= from {
                    worked.items.push(shown);
                    worked.decisions.push(took);
                }
            }
            None => {
                worked.refused.push(post);
                page = String::new();
            }
        }
    }
    worked.held.extend(post_of(&page).map(|post| (person.name.clone(), post.to_owned())));
    Ok(worked)
}

/// A queue page that follows the changes.
pub(super) async fn watch(
    client: Client,
    site: String,
    person: Person,
    from: Instant,
    until: Instant,
) -> Result<Worked, Failure> {
    let mut worked = Worked::default();
    while Instant::now() < until {
        let shown = person.get(&client, &format!("{site}/queue")).await?;
        if Instant::now() >= from {
            worked.queue_pages.push(shown);
        }
        tokio::time::sleep(LOOK_AGAIN).await;
    }
    Ok(worked)
}
