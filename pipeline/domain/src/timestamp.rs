//! A point in time: microseconds since 1970-01-01 UTC, written as RFC 3339 with zone `Z`.

use std::fmt;
use std::str::FromStr;

use serde::de::{self, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// Microseconds since the Unix epoch, UTC. The written form is RFC 3339 in UTC (`2026-07-04T14:38:08.999Z`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(i64);

/// A text is no RFC 3339 time with a zone.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not an RFC 3339 time with a zone: {0:?}")]
pub struct TimestampError(String);

impl Timestamp {
    /// From microseconds since the epoch.
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// From milliseconds since the epoch; saturates.
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis.saturating_mul(1_000))
    }

    /// From seconds since the epoch; saturates.
    pub const fn from_secs(secs: i64) -> Self {
        Self(secs.saturating_mul(1_000_000))
    }

    /// Microseconds since the epoch.
    pub const fn as_micros(self) -> i64 {
        self.0
    }

    /// Milliseconds since the epoch, rounded down.
    pub const fn as_millis(self) -> i64 {
        self.0.div_euclid(1_000)
    }

    /// Seconds since the epoch, rounded down.
    pub const fn as_secs(self) -> i64 {
        self.0.div_euclid(1_000_000)
    }

    /// This time plus `secs` seconds; saturates.
    #[must_use]
    pub const fn plus_secs(self, secs: i64) -> Self {
        Self(self.0.saturating_add(secs.saturating_mul(1_000_000)))
    }

    /// Microseconds from `earlier` to this; negative when `earlier` is later.
    pub const fn micros_since(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0)
    }

    /// Lies in the span that every store can hold and that a public post can plausibly carry:
    /// from 1990 to two days after `now` (clocks of sources run ahead).
    pub const fn is_plausible(self, now: Self) -> bool {
        const YEAR_1990: i64 = 631_152_000_000_000;
        self.0 >= YEAR_1990 && self.0 <= now.plus_secs(2 * 86_400).0
    }

    /// Parses RFC 3339; any offset, stored as UTC.
    ///
    /// # Errors
    /// [`TimestampError`] when the text is no RFC 3339 time with a zone.
    pub fn parse(text: &str) -> Result<Self, TimestampError> {
        let parsed = OffsetDateTime::parse(text, &Rfc3339)
            .map_err(|_| TimestampError(text.chars().take(40).collect()))?;
        i64::try_from(parsed.unix_timestamp_nanos().div_euclid(1_000))
            .map(Self)
            .map_err(|_| TimestampError(text.chars().take(40).collect()))
    }
}

impl From<OffsetDateTime> for Timestamp {
    fn from(time: OffsetDateTime) -> Self {
        Self(i64::try_from(time.unix_timestamp_nanos().div_euclid(1_000)).unwrap_or(i64::MAX))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let written = OffsetDateTime::from_unix_timestamp_nanos(i128::from(self.0) * 1_000)
            .ok()
            .and_then(|time| time.format(&Rfc3339).ok());
        match written {
            Some(text) => f.write_str(&text),
            // Years outside 0..=9999 have no RFC 3339 form; microseconds keep the value visible.
            None => write!(f, "@{}us", self.0),
        }
    }
}

impl FromStr for Timestamp {
    type Err = TimestampError;
    fn from_str(text: &str) -> Result<Self, TimestampError> {
        Self::parse(text)
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Rfc3339Text;
        impl Visitor<'_> for Rfc3339Text {
            type Value = Timestamp;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an RFC 3339 time with a zone, such as 2026-07-04T14:38:08Z")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Timestamp, E> {
                Timestamp::parse(text).map_err(E::custom)
            }
        }
        deserializer.deserialize_str(Rfc3339Text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offset_is_turned_into_utc() {
        let t = Timestamp::parse("2026-07-04T16:38:08.999+02:00").unwrap();
        assert_eq!(t.to_string(), "2026-07-04T14:38:08.999Z");
    }

    #[test]
    fn years_0_and_9999_parse_but_are_implausible() {
        let now = Timestamp::parse("2026-07-04T00:00:00Z").unwrap();
        for text in ["0000-01-01T00:00:00Z", "9999-12-31T23:59:59Z"] {
            assert!(!Timestamp::parse(text).unwrap().is_plausible(now), "{text}");
        }
        assert!(Timestamp::parse("2026-07-05T00:00:00Z").unwrap().is_plausible(now));
    }

    #[test]
    fn a_time_without_zone_is_refused() {
        assert!(Timestamp::parse("2026-07-04T14:38:08").is_err());
    }

    proptest::proptest! {
        #[test]
        fn written_form_reads_back(micros in -62_135_596_800_000_000i64..253_402_300_799_999_999) {
            let t = Timestamp::from_micros(micros);
            proptest::prop_assert_eq!(Timestamp::parse(&t.to_string()), Ok(t));
        }
    }
}
