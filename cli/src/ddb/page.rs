//! Newest rows of a partition.

use anyhow::Result;
use aws_sdk_dynamodb::types::AttributeValue;
use chrono::{DateTime, Local, NaiveDate, NaiveDateTime, TimeZone as _, Utc};
use clap::Args;
use cruddur::{
    sort_key::SortKey,
    table::{Item, Partition, sort_key},
    timestamp::Timestamp,
};
use serde_json::Value;

use crate::{
    advice::advised,
    context::{Context, DynamoDb},
    listing::{self, Entry},
    outcome::Outcome,
    table::item::key,
};

#[derive(Clone, Debug, Args)]
pub(super) struct Newest {
    /// The maximum number of rows
    #[arg(short = 'L', long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    limit: u32,

    /// Only rows before a time such as 2026-11-22T09:30:00Z, 2026-11-22 or "2026-11-22 09:30" (local time), or before
    /// a sort key
    #[arg(long, value_name = "TIME")]
    before: Option<Before>,

    /// Only rows of a year (UTC)
    #[arg(long, value_name = "YYYY", value_parser = clap::value_parser!(u16).range(1..=9999))]
    year: Option<u16>,
}

#[derive(Debug)]
pub(super) struct Page {
    /// Newest first.
    pub(super) rows: Vec<Item>,
    /// The sort key before which there may be more rows.
    pub(super) next: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Before {
    Time(Timestamp),
    /// As in the last line of a page, since several rows may have the same time.
    Row(SortKey),
}

impl std::str::FromStr for Before {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Ok(row) = text.parse() {
            return Ok(Self::Row(row));
        }
        let local = |time: NaiveDateTime| Local.from_local_datetime(&time).earliest();
        let with_seconds = || NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S").ok().and_then(local);
        let with_minutes = || NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M").ok().and_then(local);
        let midnight = || local(NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?.and_hms_opt(0, 0, 0)?);
        let time = match DateTime::parse_from_rfc3339(text) {
            Ok(time) => Some(time.with_timezone(&Utc)),
            Err(_) => with_seconds().or_else(with_minutes).or_else(midnight).map(|time| time.to_utc()),
        };
        time.map(|time| Self::Time(Timestamp::new(time)))
            .ok_or("not a time such as 2026-11-22T09:30:00Z, 2026-11-22 or \"2026-11-22 09:30\"")
    }
}

impl Newest {
    /// Reads the newest rows of a partition, consistently.
    pub(super) async fn read(
        &self,
        context: &Context,
        dynamodb: &DynamoDb,
        partition: Partition,
    ) -> Result<Page> {
        let pk = partition.to_string();
        let (from, to) = self.bounds();
        let mut page = Page { rows: Vec::new(), next: None };
        if from > to {
            return Ok(page);
        }
        // BETWEEN includes the upper bound, which `--before` excludes.
        let mut start = match self.before {
            Some(Before::Row(row)) if row.to_string() == to => Some(key(&pk, &to)),
            _ => None,
        };
        let limit = usize::try_from(self.limit)?;
        loop {
            let wanted = i32::try_from(limit.saturating_sub(page.rows.len()))?;
            let answer = dynamodb
                .client
                .query()
                .table_name(&dynamodb.table_name)
                .key_condition_expression("pk = :pk AND sk BETWEEN :from AND :to")
                .expression_attribute_values(":pk", AttributeValue::S(pk.clone()))
                .expression_attribute_values(":from", AttributeValue::S(from.clone()))
                .expression_attribute_values(":to", AttributeValue::S(to.clone()))
                .scan_index_forward(false)
                .consistent_read(true)
                .limit(wanted)
                .set_exclusive_start_key(start)
                .send()
                .await;
            let answer = answer.map_err(|error| context.dynamodb_error(dynamodb, &error))?;
            page.rows.extend(answer.items.unwrap_or_default());
            start = answer.last_evaluated_key;
            if start.is_none() {
                return Ok(page);
            }
            if page.rows.len() >= limit {
                page.next = page.rows.last().and_then(sort_key).map(str::to_owned);
                return Ok(page);
            }
        }
    }

    /// The range of sort keys. A bare time sorts before all rows of that time.
    fn bounds(&self) -> (String, String) {
        // "." is the character after "-".
        let (from, to) = match self.year {
            Some(year) => (format!("{year:04}-"), format!("{year:04}.")),
            None => ("0".to_owned(), ":".to_owned()),
        };
        let to = match self.before {
            Some(Before::Time(time)) => to.min(time.to_string()),
            Some(Before::Row(row)) => to.min(row.to_string()),
            None => to,
        };
        (from, to)
    }
}

impl Page {
    /// Writes the entries and a line of counts, cost, and how to see older rows, or `value` as JSON.
    pub(super) fn show(
        &self,
        context: &Context,
        dynamodb: &DynamoDb,
        value: &Value,
        entries: &[Entry],
        [one, many]: [&str; 2],
    ) -> Result<Outcome> {
        let units = dynamodb.meter.units().read;
        if context.output.is_json() {
            context.output.json(value)?;
            return Ok(Outcome::Done);
        }
        listing::list(context.output, entries)?;
        let what = if self.rows.len() == 1 { one } else { many };
        let mut line = format!("{} {what}; consumed capacity units: {units}", self.rows.len());
        if let Some(next) = &self.next {
            line.push_str("; older ones, if any: --before ");
            line.push_str(next);
        }
        context.output.line(&line)?;
        Ok(Outcome::Done)
    }

    /// Parses the rows, newest first.
    pub(super) fn parse<T: serde::de::DeserializeOwned>(&self) -> Result<Vec<T>> {
        let parse = |row: &Item| {
            let sk = sort_key(row).unwrap_or_default();
            // Without the error's text, which may quote a message.
            serde_dynamo::from_item(row.clone())
                .map_err(|_| advised(format!("the row at {sk} is malformed"), "run `cruddur ddb doctor`"))
        };
        self.rows.iter().map(parse).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "2026-11-22T09:30:00.000001Z#0195b5a0-0000-7000-8000-000000000001";

    fn bounds(before: Option<&str>, year: Option<u16>) -> (String, String) {
        Newest { limit: 1, before: before.map(|text| text.parse().unwrap()), year }.bounds()
    }

    fn is_within(bounds: &(String, String), sk: &str) -> bool {
        bounds.0.as_str() <= sk && sk <= bounds.1.as_str()
    }

    #[test]
    fn a_year_is_the_whole_year_and_nothing_else() {
        let bounds = bounds(None, Some(2026));
        assert!(is_within(&bounds, KEY));
        assert!(is_within(&bounds, &KEY.replace("2026-11-22T09:30:00.000001", "2026-01-01T00:00:00.000000")));
        assert!(is_within(&bounds, &KEY.replace("2026-11-22T09:30:00.000001", "2026-12-31T23:59:59.999999")));
        assert!(!is_within(&bounds, &KEY.replace("2026", "2025")));
        assert!(!is_within(&bounds, &KEY.replace("2026", "2027")));
    }

    #[test]
    fn a_message_at_the_time_itself_is_not_before_it() {
        assert!(!is_within(&bounds(Some("2026-11-22T09:30:00.000001Z"), None), KEY));
        assert!(is_within(&bounds(Some("2026-11-22T10:30:00.000002+01:00"), None), KEY));
    }

    #[test]
    fn the_earlier_of_year_and_time_counts() {
        assert_eq!(bounds(Some("2026-11-22T09:30:00Z"), Some(2026)).1, "2026-11-22T09:30:00.000000Z");
        assert_eq!(bounds(Some("2027-11-22T09:30:00Z"), Some(2026)).1, "2026.");
        assert_eq!(bounds(Some(KEY), Some(2026)).1, KEY);
    }

    #[test]
    fn times_have_several_formats() {
        for text in ["2026-11-22", "2026-11-22 00:00", "2026-11-22 00:00:00"] {
            let local = Local.with_ymd_and_hms(2026, 11, 22, 0, 0, 0).earliest().unwrap();
            assert_eq!(text.parse(), Ok(Before::Time(Timestamp::new(local.to_utc()))), "{text}");
        }
        for text in ["", "yesterday", "2026", "2026-13-01", "2026-11-22T09:30:00"] {
            assert!(text.parse::<Before>().is_err(), "{text}");
        }
    }
}
