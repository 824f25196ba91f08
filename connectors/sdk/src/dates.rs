//! Dates in every notation that feeds and forums use: RFC 3339 and 2822, German, English, French and Spanish
//! month names, numeric dates, and relative ones ("vor 3 Stunden", "2 days ago").
//!
//! A date without zone is taken as UTC, one without year as the last such day before the reference, and one
//! written `a/b/c` as day/month unless only month/day is possible.

use streife_domain::Timestamp;

/// Longer texts hold more than a date.
const MAX_CHARS: usize = 120;

const SECS_PER_DAY: i64 = 86_400;

/// Reads a date; `reference` is when it was seen.
pub fn parse(text: &str, reference: Timestamp) -> Option<Timestamp> {
    let text = text.trim();
    if text.is_empty() || text.chars().count() > MAX_CHARS {
        return None;
    }
    if let Ok(time) = Timestamp::parse(text) {
        return Some(time);
    }
    let tokens = tokens(&text.to_lowercase());
    let clock = clock_time(&tokens);
    if let Some(days) = calendar_day(&tokens, &clock, reference) {
        let (secs, nanos) = clock.seconds.unwrap_or_default();
        let total = days * SECS_PER_DAY + secs - clock.offset_secs;
        return Some(Timestamp::from_micros(total.checked_mul(1_000_000)? + nanos / 1_000));
    }
    relative(&tokens, &clock, reference)
}

#[derive(Debug, Clone, PartialEq)]
enum Token {
    /// Value and number of digits.
    Number(i64, usize),
    Word(String),
    Mark(char),
}

fn tokens(text: &str) -> Vec<Token> {
    let mut out = Vec::new();
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        if c.is_ascii_digit() {
            let mut digits = c.to_string();
            while let Some(d) = chars.peek().filter(|d| d.is_ascii_digit()) {
                digits.push(*d);
                chars.next();
            }
            out.push(Token::Number(digits.parse().unwrap_or(i64::MAX), digits.len()));
        } else if c.is_alphabetic() {
            let mut word = c.to_string();
            while let Some(d) = chars.peek().filter(|d| d.is_alphabetic()) {
                word.push(*d);
                chars.next();
            }
            out.push(Token::Word(word));
        } else if !c.is_whitespace() && c != ',' && c != '\u{200b}' {
            out.push(Token::Mark(c));
        }
    }
    out
}

/// The time of day found, its zone, and which tokens it used.
#[derive(Debug, Default)]
struct ClockTime {
    /// Seconds since midnight and nanoseconds.
    seconds: Option<(i64, i64)>,
    offset_secs: i64,
    used: std::ops::Range<usize>,
}

fn clock_time(tokens: &[Token]) -> ClockTime {
    for at in 0..tokens.len() {
        let (Some(Token::Number(hour, 1..=2)), Some(mark), Some(Token::Number(minute, 1..=2))) =
            (tokens.get(at), tokens.get(at + 1), tokens.get(at + 2))
        else {
            continue;
        };
        let is_time = match mark {
            Token::Mark(':') => true,
            Token::Word(h) => h == "h",
            _ => false,
        };
        if !is_time || *hour > 24 || *minute > 59 {
            continue;
        }
        let (mut hour, mut next, mut second, mut nanos) = (*hour, at + 3, 0, 0);
        if let (Some(Token::Mark(':')), Some(Token::Number(s, 1..=2))) =
            (tokens.get(next), tokens.get(next + 1))
        {
            second = (*s).min(59);
            next += 2;
            if let (Some(Token::Mark('.')), Some(Token::Number(fraction, digits @ 1..=9))) =
                (tokens.get(next), tokens.get(next + 1))
            {
                nanos = fraction * 10_i64.pow(9 - u32::try_from(*digits).unwrap_or(9));
                next += 2;
            }
        }
        if let Some(Token::Word(half)) = tokens.get(next) {
            match half.as_str() {
                "am" | "a" => {
                    hour %= 12;
                    next += 1;
                }
                "pm" | "p" => {
                    hour = hour % 12 + 12;
                    next += 1;
                }
                "uhr" => next += 1,
                _ => {}
            }
        }
        let (offset_secs, next) = zone(tokens, next);
        return ClockTime {
            seconds: Some((hour * 3_600 + minute * 60 + second, nanos)),
            offset_secs,
            used: at..next,
        };
    }
    ClockTime::default()
}

/// The zone behind a time: seconds east of UTC, and the next token.
fn zone(tokens: &[Token], at: usize) -> (i64, usize) {
    match (tokens.get(at), tokens.get(at + 1)) {
        (Some(Token::Mark(sign @ ('+' | '-' | '−'))), Some(Token::Number(value, digits))) => {
            let sign = if *sign == '+' { 1 } else { -1 };
            match (digits, tokens.get(at + 2), tokens.get(at + 3)) {
                (1..=2, Some(Token::Mark(':')), Some(Token::Number(minutes, 2))) => {
                    (sign * (value * 3_600 + minutes * 60), at + 4)
                }
                (3..=4, _, _) => (sign * (value / 100 * 3_600 + value % 100 * 60), at + 2),
                (1..=2, _, _) => (sign * value * 3_600, at + 2),
                _ => (0, at),
            }
        }
        (Some(Token::Word(name)), _) => {
            let hours = match name.as_str() {
                "z" | "gmt" | "ut" | "utc" => return zone_after_utc(tokens, at + 1),
                "cet" | "mez" | "bst" => 1,
                "cest" | "mesz" | "eet" => 2,
                "msk" => 3,
                "jst" => 9,
                "edt" => -4,
                "est" | "cdt" => -5,
                "cst" | "mdt" => -6,
                "mst" | "pdt" => -7,
                "pst" => -8,
                _ => return (0, at),
            };
            (hours * 3_600, at + 1)
        }
        _ => (0, at),
    }
}

/// `GMT+2`.
fn zone_after_utc(tokens: &[Token], at: usize) -> (i64, usize) {
    match tokens.get(at) {
        Some(Token::Mark('+' | '-')) => zone(tokens, at),
        _ => (0, at),
    }
}

/// Days since 1970 of the calendar date.
fn calendar_day(tokens: &[Token], clock: &ClockTime, reference: Timestamp) -> Option<i64> {
    let rest: Vec<&Token> =
        tokens.iter().enumerate().filter(|(i, _)| !clock.used.contains(i)).map(|(_, t)| t).collect();
    named_month(&rest, reference).or_else(|| numeric(&rest, reference))
}

fn named_month(tokens: &[&Token], reference: Timestamp) -> Option<i64> {
    let (at, month) = tokens.iter().enumerate().find_map(|(i, t)| match t {
        Token::Word(word) => month(word).map(|m| (i, m)),
        _ => None,
    })?;
    let numbers: Vec<(usize, i64, usize)> = tokens
        .iter()
        .enumerate()
        .filter_map(|(i, t)| match t {
            Token::Number(value, digits) => Some((i, *value, *digits)),
            _ => None,
        })
        .collect();
    let year = numbers.iter().find(|(_, _, digits)| *digits == 4);
    // The day is the number nearest to the month's name that is no year.
    let day = numbers
        .iter()
        .filter(|(_, value, digits)| *digits <= 2 && (1..=31).contains(value))
        .min_by_key(|(i, _, _)| (i.abs_diff(at), *i))?;
    let short_year = numbers.iter().find(|(i, _, digits)| *digits == 2 && i != &day.0);
    match (year, short_year) {
        (Some((_, year, _)), _) => civil(*year, month, day.1),
        (None, Some((_, year, _))) => civil(full_year(*year), month, day.1),
        (None, None) => last_such_day(month, day.1, reference),
    }
}

fn numeric(tokens: &[&Token], reference: Timestamp) -> Option<i64> {
    for (at, window) in tokens.windows(5).enumerate() {
        let [
            Token::Number(a, da),
            Token::Mark(m),
            Token::Number(b, 1..=2),
            Token::Mark(n),
            Token::Number(c, dc),
        ] = window
        else {
            continue;
        };
        if m != n
            || !matches!(m, '.' | '-' | '/' | '–')
            || tokens.get(at + 5) == Some(&&Token::Mark(*m)) && *m != '.'
        {
            continue;
        }
        if *da == 4 {
            return civil(*a, *b, *c);
        }
        if !matches!(dc, 2 | 4) || *da > 2 {
            continue;
        }
        let year = if *dc == 2 { full_year(*c) } else { *c };
        let (day, month) = if *m == '/' && *b > 12 { (*b, *a) } else { (*a, *b) };
        return civil(year, month, day);
    }
    // 24.12. without a year.
    if let [Token::Number(day, 1..=2), Token::Mark('.'), Token::Number(month, 1..=2), ..] = tokens
        && tokens.len() <= 5
    {
        return last_such_day(*month, *day, reference);
    }
    // 20240131, optionally 20240131T1200.
    match tokens.first() {
        Some(Token::Number(value, 8)) => civil(value / 10_000, value / 100 % 100, value % 100),
        _ => None,
    }
}

/// "vor 3 Stunden", "2 days ago", "1 Jahr 2 Tage her", "gestern 12:30", "today".
fn relative(tokens: &[Token], clock: &ClockTime, reference: Timestamp) -> Option<Timestamp> {
    let midnight = reference.as_secs().div_euclid(SECS_PER_DAY) * SECS_PER_DAY;
    let mut back = None;
    let mut anchor = false;
    for (at, token) in tokens.iter().enumerate() {
        let Token::Word(word) = token else { continue };
        let day = match word.as_str() {
            "heute" | "today" => Some(0),
            "gestern" | "yesterday" | "hier" | "ayer" => Some(1),
            "vorgestern" => Some(2),
            _ => weekday(word).filter(|_| clock.seconds.is_some()).map(|wanted| {
                // 1970-01-01 was a Thursday (3 when Monday is 0).
                let today = (midnight / SECS_PER_DAY + 3).rem_euclid(7);
                (today - wanted).rem_euclid(7)
            }),
        };
        if let Some(day) = day {
            let secs = clock.seconds.unwrap_or_default().0;
            return Some(Timestamp::from_secs(midnight - day * SECS_PER_DAY + secs - clock.offset_secs));
        }
        match word.as_str() {
            "vor" | "ago" | "her" | "il" | "hace" => anchor = true,
            "jetzt" | "now" => return Some(reference),
            _ => {}
        }
        let count = match at.checked_sub(1).and_then(|i| tokens.get(i)) {
            Some(Token::Number(count, 1..=4)) => *count,
            Some(Token::Word(one))
                if matches!(one.as_str(), "einer" | "einem" | "eine" | "a" | "an" | "one") =>
            {
                1
            }
            _ => continue,
        };
        if let Some(unit) = unit_secs(word) {
            back = Some(back.unwrap_or(0) + count * unit);
        }
    }
    let back = back.filter(|_| anchor || tokens.len() <= 4)?;
    Some(reference.plus_secs(-back))
}

fn unit_secs(word: &str) -> Option<i64> {
    Some(match word {
        "s" | "sek" | "sekunde" | "sekunden" | "sec" | "secs" | "second" | "seconds" => 1,
        "m" | "min" | "mins" | "minute" | "minuten" | "minutes" => 60,
        "h" | "std" | "stunde" | "stunden" | "hour" | "hours" | "hr" | "hrs" | "heure" | "heures" => 3_600,
        "d" | "tag" | "tage" | "tagen" | "day" | "days" | "jour" | "jours" => SECS_PER_DAY,
        "w" | "woche" | "wochen" | "week" | "weeks" => 7 * SECS_PER_DAY,
        "monat" | "monate" | "monaten" | "month" | "months" | "mois" => 30 * SECS_PER_DAY,
        "jahr" | "jahre" | "jahren" | "year" | "years" | "an" | "ans" => 365 * SECS_PER_DAY,
        _ => return None,
    })
}

fn month(word: &str) -> Option<i64> {
    const PREFIXES: [(&str, i64); 29] = [
        ("jan", 1),
        ("jän", 1),
        ("ene", 1),
        ("feb", 2),
        ("fév", 2),
        ("fev", 2),
        ("mar", 3),
        ("mär", 3),
        ("mrz", 3),
        ("maerz", 3),
        ("apr", 4),
        ("avr", 4),
        ("abr", 4),
        ("mai", 5),
        ("may", 5),
        ("juin", 6),
        ("jun", 6),
        ("juil", 7),
        ("jul", 7),
        ("aug", 8),
        ("aoû", 8),
        ("ago", 8),
        ("sep", 9),
        ("okt", 10),
        ("oct", 10),
        ("out", 10),
        ("nov", 11),
        ("dez", 12),
        ("déc", 12),
    ];
    if matches!(word, "ago" | "out" | "mark" | "march_") {
        return None;
    }
    if word.starts_with("dec") || word.starts_with("dic") {
        return Some(12);
    }
    PREFIXES
        .iter()
        .find(|(prefix, _)| word.starts_with(prefix) && word.chars().count() <= 10)
        .map(|(_, m)| *m)
}

/// Monday is 0.
fn weekday(word: &str) -> Option<i64> {
    const NAMES: [(&str, &str); 7] = [
        ("montag", "monday"),
        ("dienstag", "tuesday"),
        ("mittwoch", "wednesday"),
        ("donnerstag", "thursday"),
        ("freitag", "friday"),
        ("samstag", "saturday"),
        ("sonntag", "sunday"),
    ];
    NAMES.iter().position(|(de, en)| word == *de || word == *en).and_then(|i| i64::try_from(i).ok())
}

const fn full_year(short: i64) -> i64 {
    if short < 70 { 2000 + short } else { 1900 + short }
}

/// The last day of this month and day that does not lie after the reference.
fn last_such_day(month: i64, day: i64, reference: Timestamp) -> Option<i64> {
    let today = reference.as_secs().div_euclid(SECS_PER_DAY);
    let year = 1970 + today * 400 / 146_097;
    (0..=2).filter_map(|back| civil(year + 1 - back, month, day)).find(|d| *d <= today + 1)
}

/// Days since 1970-01-01 of a date in the Gregorian calendar (the usual 400-year arithmetic).
fn civil(year: i64, month: i64, day: i64) -> Option<i64> {
    if !(0..=9999).contains(&year) || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let month = time::Month::try_from(u8::try_from(month).ok()?).ok()?;
    let date =
        time::Date::from_calendar_date(i32::try_from(year).ok()?, month, u8::try_from(day).ok()?).ok()?;
    Some(i64::from(date.to_julian_day()) - 2_440_588)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> String {
        let now = Timestamp::parse("2026-07-04T12:00:00Z").unwrap();
        parse(text, now).map_or_else(|| "none".to_owned(), |t| t.to_string())
    }

    #[test]
    fn notations() {
        for (text, expected) in [
            ("2026-07-04T14:38:08.999+02:00", "2026-07-04T12:38:08.999Z"),
            ("2026-07-04 14:38", "2026-07-04T14:38:00Z"),
            ("Thu, 01 Jan 2004 19:48:21 GMT", "2004-01-01T19:48:21Z"),
            ("Thu, 1 Jan 04 19:48:21 +0100", "2004-01-01T18:48:21Z"),
            ("01 Jan 2004 19:48 EST", "2004-01-02T00:48:00Z"),
            ("21. Apr 2020, 19:40", "2020-04-21T19:40:00Z"),
            ("23.04.2020", "2020-04-23T00:00:00Z"),
            ("21.04.20", "2020-04-21T00:00:00Z"),
            ("19.04.2020, 21:41", "2020-04-19T21:41:00Z"),
            ("Apr 11, 2020, 1:02 PM", "2020-04-11T13:02:00Z"),
            ("Sun Jul 28, 2013 11:59 am", "2013-07-28T11:59:00Z"),
            ("29/07/2004, 19h46", "2004-07-29T19:46:00Z"),
            ("07/29/2004", "2004-07-29T00:00:00Z"),
            ("3. März 2021 um 08:05 Uhr", "2021-03-03T08:05:00Z"),
            ("January 30", "2026-01-30T00:00:00Z"),
            ("December 30", "2025-12-30T00:00:00Z"),
            ("Heute, 09:30", "2026-07-04T09:30:00Z"),
            ("gestern um 23:15", "2026-07-03T23:15:00Z"),
            ("vor 3 Stunden", "2026-07-04T09:00:00Z"),
            ("2 days ago", "2026-07-02T12:00:00Z"),
            ("1 Jahr 2 Tage her", "2025-07-02T12:00:00Z"),
            ("20240131", "2024-01-31T00:00:00Z"),
            ("31.02.2020", "none"),
            ("hello", "none"),
            ("", "none"),
        ] {
            assert_eq!(at(text), expected, "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read_without_panic(text: String) {
            parse(&text, Timestamp::from_secs(1_700_000_000));
        }

        #[test]
        fn digits_and_marks_do_not_overflow(text in "[0-9:./ +-]{0,60}") {
            parse(&text, Timestamp::from_secs(1_700_000_000));
        }
    }
}
