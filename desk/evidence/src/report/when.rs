//! Times for German readers: legal time first, UTC beside it.

use streife_domain::Timestamp;
use time::{Date, Duration, Month, OffsetDateTime, Weekday};

/// `04.07.2026, 16:38:08 Uhr MESZ (14:38:08 UTC)`.
pub(super) fn moment(at: Timestamp) -> String {
    let Ok(utc) = OffsetDateTime::from_unix_timestamp(at.as_secs()) else { return at.to_string() };
    let (hours, zone) = if is_summer(utc) { (2, "MESZ") } else { (1, "MEZ") };
    let local = utc + Duration::hours(hours);
    // Around midnight the two calendars differ; then both days are given.
    let other = if local.date() == utc.date() { String::new() } else { format!("{}, ", date(utc)) };
    format!("{}, {} Uhr {zone} ({other}{} UTC)", date(local), clock(local), clock(utc))
}

/// `31.01.2027` of `2027-01-31`; anything else as it stands.
pub(super) fn day(text: &str) -> String {
    match text.split('-').collect::<Vec<_>>()[..] {
        [year, month, day] if year.len() == 4 && month.len() == 2 && day.len() == 2 => {
            format!("{day}.{month}.{year}")
        }
        _ => text.to_owned(),
    }
}

fn date(at: OffsetDateTime) -> String {
    format!("{:02}.{:02}.{}", at.day(), u8::from(at.month()), at.year())
}

fn clock(at: OffsetDateTime) -> String {
    format!("{:02}:{:02}:{:02}", at.hour(), at.minute(), at.second())
}

/// Summer time in the EU: from the last Sunday of March, 01:00 UTC, to the last Sunday of October, 01:00 UTC
/// (Directive 2000/84/EC).
fn is_summer(utc: OffsetDateTime) -> bool {
    let change = |month: Month| {
        let mut last = Date::from_calendar_date(utc.year(), month, 31).ok()?;
        while last.weekday() != Weekday::Sunday {
            last = last.previous_day()?;
        }
        Some(last.midnight().assume_utc() + Duration::hours(1))
    };
    match (change(Month::March), change(Month::October)) {
        (Some(begin), Some(end)) => utc >= begin && utc < end,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> String {
        moment(Timestamp::parse(text).unwrap())
    }

    #[test]
    fn days_are_turned_and_other_words_left() {
        assert_eq!(day("2027-01-31"), "31.01.2027");
        assert_eq!(day("unbekannt"), "unbekannt");
    }

    #[test]
    fn legal_time_follows_summer_time_and_the_calendar() {
        assert_eq!(of("2026-07-04T14:38:08Z"), "04.07.2026, 16:38:08 Uhr MESZ (14:38:08 UTC)");
        assert_eq!(of("2026-12-31T23:30:00Z"), "01.01.2027, 00:30:00 Uhr MEZ (31.12.2026, 23:30:00 UTC)");
        assert_eq!(of("2026-03-29T00:59:59Z"), "29.03.2026, 01:59:59 Uhr MEZ (00:59:59 UTC)");
        assert_eq!(of("2026-03-29T01:00:00Z"), "29.03.2026, 03:00:00 Uhr MESZ (01:00:00 UTC)");
        assert_eq!(of("2026-10-25T00:59:59Z"), "25.10.2026, 02:59:59 Uhr MESZ (00:59:59 UTC)");
        assert_eq!(of("2026-10-25T01:00:00Z"), "25.10.2026, 02:00:00 Uhr MEZ (01:00:00 UTC)");
    }
}
