//! The heads: what a text is scored for. More may be added, none renamed (`schemas/`, docs of the CLI).

use std::fmt;
use std::str::FromStr;

use serde::de::{Error, MapAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// One question a model answers about a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Head {
    /// Rude, insulting or hateful in any way; broad.
    Offensive,
    /// Hate against a group.
    GroupHate,
    /// Threat, approval or glorification of violence, or a call to it.
    Violence,
    /// Agitation against or subversion of the democratic order; criticism is not.
    AttackOnOrder,
    /// Calls others to act; mostly lawful.
    CallToAction,
    /// Insult or defamation of a person (German Criminal Code ss. 185-187).
    Defamation,
    /// Antisemitic (IHRA working definition).
    Antisemitism,
    /// Swearing; never raises an alert alone.
    Profanity,
}

/// A name that is no head.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "unknown head {0:?}; the heads are offensive, group_hate, violence, attack_on_order, call_to_action, defamation, antisemitism, profanity"
)]
pub struct UnknownHead(pub String);

impl Head {
    /// All heads, in the order of model outputs and of every table.
    pub const ALL: [Self; 8] = [
        Self::Offensive,
        Self::GroupHate,
        Self::Violence,
        Self::AttackOnOrder,
        Self::CallToAction,
        Self::Defamation,
        Self::Antisemitism,
        Self::Profanity,
    ];

    /// The written form.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Offensive => "offensive",
            Self::GroupHate => "group_hate",
            Self::Violence => "violence",
            Self::AttackOnOrder => "attack_on_order",
            Self::CallToAction => "call_to_action",
            Self::Defamation => "defamation",
            Self::Antisemitism => "antisemitism",
            Self::Profanity => "profanity",
        }
    }

    /// Place in [`Head::ALL`].
    pub const fn index(self) -> usize {
        self as usize
    }
}

impl fmt::Display for Head {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Head {
    type Err = UnknownHead;
    fn from_str(name: &str) -> Result<Self, UnknownHead> {
        Self::ALL.into_iter().find(|head| head.as_str() == name).ok_or_else(|| UnknownHead(name.to_owned()))
    }
}

impl Serialize for Head {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Head {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

/// A value per head; heads a model does not answer (for this language) are absent, never zero.
/// Written as a map from head to value in the order of [`Head::ALL`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Heads<T>([Option<T>; 8]);

impl<T> Default for Heads<T> {
    fn default() -> Self {
        Self([const { None }; 8])
    }
}

impl<T> Heads<T> {
    /// The value of `head`.
    pub const fn get(&self, head: Head) -> Option<&T> {
        self.0[head.index()].as_ref()
    }

    /// Sets the value of `head`.
    pub fn set(&mut self, head: Head, value: T) {
        self.0[head.index()] = Some(value);
    }

    /// Takes the value of `head` out: the head says nothing.
    pub fn clear(&mut self, head: Head) {
        self.0[head.index()] = None;
    }

    /// The heads that have a value, in order.
    pub fn iter(&self) -> impl Iterator<Item = (Head, &T)> {
        Head::ALL.into_iter().zip(&self.0).filter_map(|(head, value)| Some((head, value.as_ref()?)))
    }

    /// Has no head a value?
    pub fn is_empty(&self) -> bool {
        self.0.iter().all(Option::is_none)
    }
}

impl<T> FromIterator<(Head, T)> for Heads<T> {
    fn from_iter<I: IntoIterator<Item = (Head, T)>>(pairs: I) -> Self {
        let mut heads = Self::default();
        for (head, value) in pairs {
            heads.set(head, value);
        }
        heads
    }
}

impl<T: Serialize> Serialize for Heads<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (head, value) in self.iter() {
            map.serialize_entry(head.as_str(), value)?;
        }
        map.end()
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Heads<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct HeadMap<T>(std::marker::PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for HeadMap<T> {
            type Value = Heads<T>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map from head to value")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Heads<T>, A::Error> {
                let mut heads = Heads::default();
                while let Some((name, value)) = map.next_entry::<String, T>()? {
                    heads.set(name.parse().map_err(A::Error::custom)?, value);
                }
                Ok(heads)
            }
        }
        deserializer.deserialize_map(HeadMap(std::marker::PhantomData))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn absent_heads_are_not_written() {
        let heads: Heads<f32> = [(Head::Violence, 0.5)].into_iter().collect();
        assert_eq!(serde_json::to_string(&heads).unwrap(), r#"{"violence":0.5}"#);
        assert_eq!(serde_json::from_str::<Heads<f32>>(r#"{"violence":0.5}"#).unwrap(), heads);
    }

    #[test]
    fn an_unknown_head_is_named() {
        let error = serde_json::from_str::<Heads<f32>>(r#"{"anger":0.5}"#).unwrap_err().to_string();
        assert!(error.contains("anger"), "{error}");
    }

    #[test]
    fn order_and_names_agree() {
        for (i, head) in Head::ALL.into_iter().enumerate() {
            assert_eq!(head.index(), i);
            assert_eq!(head.as_str().parse(), Ok(head));
        }
    }
}
