//! Days, as far as review and expiry dates need them.

/// A day, counted from the first day of the common era.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Day(i32);

impl Day {
    /// A day that is not known; every day is 0 days from it.
    pub(crate) const UNKNOWN: Self = Self(i32::MIN);

    /// Reads `YYYY-MM-DD`.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut parts = text.splitn(3, '-');
        let year = digits(parts.next()?, 4)?;
        let month = u8::try_from(digits(parts.next()?, 2)?).ok()?;
        let day = u8::try_from(digits(parts.next()?, 2)?).ok()?;
        let month = time::Month::try_from(month).ok()?;
        let date = time::Date::from_calendar_date(i32::try_from(year).ok()?, month, day).ok()?;
        Some(Self(date.to_julian_day()))
    }

    /// Days from `earlier` to this one.
    pub(crate) fn days_since(self, earlier: Self) -> i64 {
        if self == Self::UNKNOWN || earlier == Self::UNKNOWN {
            return 0;
        }
        i64::from(self.0) - i64::from(earlier.0)
    }
}

fn digits(text: &str, length: usize) -> Option<u32> {
    (text.len() == length && text.bytes().all(|b| b.is_ascii_digit())).then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::Day;

    #[test]
    fn days_are_counted_over_leap_years_and_nonsense_is_refused() {
        let day = |text| Day::parse(text).unwrap();
        assert_eq!(day("2028-03-01").days_since(day("2028-02-28")), 2);
        assert_eq!(day("2027-02-15").days_since(day("2026-11-22")), 85);
        for bad in ["2027-02-30", "27-02-01", "2027-2-1", "", "2027-02-01T00"] {
            assert!(Day::parse(bad).is_none(), "{bad}");
        }
    }
}
