//! The partition that a Query asks for: its key condition, read by the grammar of the Developer Guide ("Key
//! condition expressions for the Query operation").
//!
//! ```text
//! condition := term (AND term)*
//! term      := "(" condition ")" | begins_with "(" name "," value ")" | name BETWEEN value AND value
//!            | name ("=" | "<" | "<=" | ">" | ">=") value
//! ```

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::Value;

/// The value to which the request's key condition compares `partition_key`.
pub(super) fn partition(request: &Value, partition_key: &str) -> Result<String> {
    ensure!(request.get("KeyConditions").is_none(), "KeyConditions are not understood, only expressions");
    let expression = request["KeyConditionExpression"].as_str().context("a query without a key condition")?;
    let mut parser = Parser { tokens: tokens(expression)?, equalities: Vec::new() };
    parser.condition().with_context(|| format!("in {expression:?}"))?;
    ensure!(parser.tokens.is_empty(), "{expression:?} goes on after its end");

    let mut found = Vec::new();
    for (name, value) in parser.equalities {
        let name = if name.starts_with('#') {
            let names = &request["ExpressionAttributeNames"];
            names[&name].as_str().with_context(|| format!("{name} stands for nothing"))?.to_owned()
        } else {
            name
        };
        if name == partition_key {
            let value = &request["ExpressionAttributeValues"][&value]["S"];
            found.push(value.as_str().context("the partition key is no string")?.to_owned());
        }
    }
    let [partition] = &found[..] else {
        bail!("{expression:?} names {} partitions by {partition_key}", found.len())
    };
    Ok(partition.clone())
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    /// A word, `#name` or `:value`.
    Word(String),
    Symbol(&'static str),
}

/// Tokens of an expression, in reverse order.
fn tokens(expression: &str) -> Result<Vec<Token>> {
    // Longer symbols first.
    const SYMBOLS: [&str; 8] = ["<=", ">=", "<", ">", "=", "(", ")", ","];
    let is_of_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let mut tokens = Vec::new();
    let mut rest = expression.trim_start();
    while let Some(first) = rest.chars().next() {
        if let Some(symbol) = SYMBOLS.into_iter().find(|symbol| rest.starts_with(symbol)) {
            tokens.push(Token::Symbol(symbol));
            rest = &rest[symbol.len()..];
        } else {
            ensure!(is_of_word(first) || matches!(first, '#' | ':'), "{first:?} in {expression:?}");
            let end = rest[1..].find(|c| !is_of_word(c)).map_or(rest.len(), |end| end + 1);
            tokens.push(Token::Word(rest[..end].to_owned()));
            rest = &rest[end..];
        }
        rest = rest.trim_start();
    }
    tokens.reverse();
    Ok(tokens)
}

struct Parser {
    tokens: Vec<Token>,
    /// Names and values compared by `=`, as written in the expression.
    equalities: Vec<(String, String)>,
}

impl Parser {
    fn condition(&mut self) -> Result<()> {
        self.term()?;
        while self.next_is_keyword("AND") {
            self.tokens.pop();
            self.term()?;
        }
        Ok(())
    }

    fn term(&mut self) -> Result<()> {
        if self.tokens.last() == Some(&Token::Symbol("(")) {
            self.tokens.pop();
            self.condition()?;
            return self.symbol(")");
        }
        let name = self.name()?;
        // Function names are case-sensitive, unlike keywords.
        if name == "begins_with" {
            self.symbol("(")?;
            self.name()?;
            self.symbol(",")?;
            self.value()?;
            return self.symbol(")");
        }
        if self.next_is_keyword("BETWEEN") {
            self.tokens.pop();
            self.value()?;
            ensure!(self.next_is_keyword("AND"), "BETWEEN without AND");
            self.tokens.pop();
            self.value()?;
            return Ok(());
        }
        match self.tokens.pop() {
            Some(Token::Symbol("=")) => {
                let value = self.value()?;
                self.equalities.push((name, value));
            }
            Some(Token::Symbol("<" | "<=" | ">" | ">=")) => {
                self.value()?;
            }
            other => bail!("{other:?} where {name} is compared"),
        }
        Ok(())
    }

    fn next_is_keyword(&self, keyword: &str) -> bool {
        matches!(self.tokens.last(), Some(Token::Word(word)) if word.eq_ignore_ascii_case(keyword))
    }

    fn symbol(&mut self, wanted: &'static str) -> Result<()> {
        let found = self.tokens.pop();
        ensure!(found == Some(Token::Symbol(wanted)), "{found:?} instead of {wanted}");
        Ok(())
    }

    fn name(&mut self) -> Result<String> {
        match self.tokens.pop() {
            Some(Token::Word(word)) if !word.starts_with(':') => Ok(word),
            other => bail!("{other:?} instead of a name"),
        }
    }

    fn value(&mut self) -> Result<String> {
        match self.tokens.pop() {
            Some(Token::Word(word)) if word.starts_with(':') => Ok(word),
            other => bail!("{other:?} instead of a value"),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn partition_of(expression: &str) -> Result<String> {
        let request = json!({
            "KeyConditionExpression": expression,
            "ExpressionAttributeNames": {"#pk": "pk", "#sk": "sk"},
            "ExpressionAttributeValues": {":pk": {"S": "A#1"}, ":other": {"S": "B#1"}, ":number": {"N": "1"}},
        });
        partition(&request, "pk")
    }

    #[test]
    fn the_partition_is_what_the_key_is_equal_to() {
        for expression in [
            "pk = :pk",
            "pk=:pk",
            "#pk = :pk",
            "pk = :pk AND sk >= :other",
            "sk = :other and pk = :pk",
            "(pk = :pk) AND begins_with(sk, :other)",
            "(pk = :pk AND sk BETWEEN :other AND :other)",
            "#pk = :pk AND #sk < :other",
        ] {
            assert_eq!(partition_of(expression).unwrap(), "A#1", "{expression}");
        }
    }

    #[test]
    fn what_names_no_single_partition_or_is_no_key_condition_is_refused() {
        for expression in [
            "",
            "sk = :pk",
            "pk > :pk",
            "begins_with(pk, :pk)",
            "pk BETWEEN :pk AND :other",
            "pk = :pk AND pk = :other",
            "pk = :pk OR pk = :other",
            "NOT pk = :pk",
            "pk = :number",
            "pk = :missing",
            "#missing = :pk",
            "pk <> :pk",
            ":pk = pk",
            "pk = sk",
            "pk = :pk AND",
            "(pk = :pk",
            "pk = :pk)",
            "pk = :pk sk = :other",
            "pk = 'A#1'",
        ] {
            assert!(partition_of(expression).is_err(), "{expression}");
        }
        let legacy = json!({"KeyConditions": {"pk": {"ComparisonOperator": "EQ"}}});
        assert!(partition(&legacy, "pk").is_err());
    }
}
