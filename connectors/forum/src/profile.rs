//! A forum engine's profile: selectors, read from TOML.

use scraper::{ElementRef, Html, Selector};
use serde::Deserialize;
use streife_sdk::html::{self, Content};

/// Why a profile cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProfileError {
    /// Not the expected TOML.
    #[error("{0}")]
    Toml(String),
    /// A selector that is none.
    #[error("{field}: {selector:?} is no CSS selector")]
    Selector {
        /// Where.
        field: &'static str,
        /// What.
        selector: String,
    },
}

/// The file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    name: String,
    post: String,
    author: Vec<String>,
    #[serde(default)]
    author_link: Vec<String>,
    date: Vec<String>,
    text: Vec<String>,
    #[serde(default)]
    head: Option<String>,
    #[serde(default)]
    leave_out: Vec<String>,
    #[serde(default)]
    quotes: Vec<String>,
    #[serde(default)]
    next: Vec<String>,
    #[serde(default)]
    id_counts_in_thread: bool,
    #[serde(default)]
    id: Vec<String>,
    #[serde(default)]
    link: Vec<String>,
}

/// Where to look, and for which attribute; the text when none.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    /// `None` is the post itself.
    selector: Option<Selector>,
    attribute: Option<String>,
}

/// A profile ready to be used.
#[derive(Debug, Clone)]
pub struct Profile {
    /// Its name.
    pub name: String,
    post: Selector,
    pub(crate) author: Vec<Place>,
    /// The page of the member: its address is the account's identity, names change.
    pub(crate) author_link: Vec<Place>,
    pub(crate) date: Vec<Place>,
    text: Vec<Place>,
    /// The element before the post that holds author and date, where they stand apart.
    head: Option<Selector>,
    leave_out: Vec<Selector>,
    /// Words of others within the text.
    quotes: Vec<Selector>,
    /// The link to the next page of the thread.
    next: Vec<Place>,
    /// Ids are numbers within the thread, not within the forum.
    pub(crate) id_counts_in_thread: bool,
    pub(crate) id: Vec<Place>,
    pub(crate) link: Vec<Place>,
}

impl Profile {
    /// Reads and checks a profile.
    ///
    /// # Errors
    /// [`ProfileError`] naming the field.
    pub fn parse(text: &str) -> Result<Self, ProfileError> {
        let written: Written =
            toml::from_str(text).map_err(|e| ProfileError::Toml(e.to_string().trim().to_owned()))?;
        Ok(Self {
            post: selector("post", &written.post)?,
            author: places("author", &written.author)?,
            author_link: places("author_link", &written.author_link)?,
            date: places("date", &written.date)?,
            text: places("text", &written.text)?,
            head: written.head.as_deref().map(|s| selector("head", s)).transpose()?,
            leave_out: selectors("leave_out", &written.leave_out)?,
            quotes: selectors("quotes", &written.quotes)?,
            next: places("next", &written.next)?,
            id_counts_in_thread: written.id_counts_in_thread,
            id: places("id", &written.id)?,
            link: places("link", &written.link)?,
            name: written.name,
        })
    }

    /// The posts of a page that have a text.
    pub(crate) fn posts<'a>(&self, page: &'a Html) -> Vec<ElementRef<'a>> {
        page.select(&self.post)
            .filter(|post| self.text.iter().any(|place| place.elements(*post).next().is_some()))
            .collect()
    }

    /// The text of a post, without quotes, signatures and the like.
    pub(crate) fn text(&self, post: ElementRef<'_>) -> Option<Content> {
        self.text
            .iter()
            .find_map(|place| place.elements(post).next())
            .map(|e| html::content_quoting(e, &self.leave_out, &self.quotes))
    }

    /// The address of the thread's next page, as written.
    pub(crate) fn next(&self, page: &Html) -> Option<String> {
        self.first(page.root_element(), &self.next)
    }

    /// The post and, before it, its head.
    fn parts<'a>(&self, post: ElementRef<'a>) -> Vec<ElementRef<'a>> {
        let head = self
            .head
            .as_ref()
            .and_then(|head| post.prev_siblings().filter_map(ElementRef::wrap).find(|e| head.matches(e)));
        [Some(post), head].into_iter().flatten().collect()
    }

    /// The first value that is not empty.
    pub(crate) fn first(&self, post: ElementRef<'_>, places: &[Place]) -> Option<String> {
        self.all(post, places).next()
    }

    /// All values that are not empty, in the order of the places.
    pub(crate) fn all<'a>(
        &self,
        post: ElementRef<'a>,
        places: &'a [Place],
    ) -> impl Iterator<Item = String> + 'a {
        let parts = self.parts(post);
        places.iter().flat_map(move |place| {
            let found: Vec<String> =
                parts.iter().flat_map(|part| place.elements(*part)).filter_map(|e| place.value(e)).collect();
            found
        })
    }
}

impl Place {
    fn elements<'a>(&'a self, post: ElementRef<'a>) -> Box<dyn Iterator<Item = ElementRef<'a>> + 'a> {
        match &self.selector {
            Some(selector) => Box::new(post.select(selector)),
            None => Box::new(std::iter::once(post)),
        }
    }

    fn value(&self, element: ElementRef<'_>) -> Option<String> {
        let value = match &self.attribute {
            Some(name) => element.attr(name)?.trim().to_owned(),
            None => html::tidy(&element.text().collect::<String>()).replace('\n', " "),
        };
        (!value.is_empty()).then_some(value)
    }
}

fn places(field: &'static str, written: &[String]) -> Result<Vec<Place>, ProfileError> {
    written
        .iter()
        .map(|text| {
            let (css, attribute) = match text.rsplit_once('@') {
                Some((css, attribute)) => (css, Some(attribute.to_owned())),
                None => (text.as_str(), None),
            };
            let selector = if css.is_empty() { None } else { Some(selector(field, css)?) };
            Ok(Place { selector, attribute })
        })
        .collect()
}

fn selectors(field: &'static str, written: &[String]) -> Result<Vec<Selector>, ProfileError> {
    written.iter().map(|css| selector(field, css)).collect()
}

fn selector(field: &'static str, css: &str) -> Result<Selector, ProfileError> {
    Selector::parse(css).map_err(|_| ProfileError::Selector { field, selector: css.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broken_profile_names_its_field() {
        let error = Profile::parse("name='x'\npost='['\nauthor=[]\ndate=[]\ntext=[]").unwrap_err();
        assert!(error.to_string().contains("post"), "{error}");
        assert!(Profile::parse("name='x'\npots='a'").unwrap_err().to_string().contains("pots"));
    }
}
