//! Values of the template's parameters: given, kept by the stack, stored by an earlier run, or asked for.

use std::{
    collections::BTreeMap,
    fs,
    io::{self, IsTerminal as _, Write as _},
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, bail};
use aws_sdk_cloudformation::types;
use console::Term;

use super::template::{Parameter, Template};
use crate::{
    advice::advised,
    context::note,
    files,
    output::{columns, printable},
};

/// The parameters that need a decision. The defaults of all others suit most deployments.
const QUESTIONS: [&str; 9] = [
    "DatabaseUrl",
    "LookUpDatabaseUrl",
    "AllowedOrigins",
    "UserPoolId",
    POOL_CLIENTS,
    POOL_DOMAIN,
    "SelfSignUp",
    "RequireMfa",
    "AlarmEmail",
];

const POOL: &str = "UserPoolId";

const POOL_CLIENTS: &str = "UserPoolClientIds";

const POOL_DOMAIN: &str = "UserPoolDomainPrefix";

/// Set from the built functions.
const ARCHITECTURE: &str = "Architecture";

/// Values by the name of the parameter.
pub(super) type Values = BTreeMap<String, String>;

/// The values for a deployment. Parameters without a value keep that of the stack, or the template's default.
#[derive(Debug)]
pub(super) struct Answers {
    values: Values,
    /// Parameters of the stack, which keep their values.
    kept: Vec<String>,
}

/// The questions that the command asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ask {
    Nothing,
    Decisions,
    All,
}

impl Ask {
    /// Asks on a terminal, without `--yes`.
    pub(super) fn new(yes: bool, all: bool) -> Self {
        match (yes || !(io::stdin().is_terminal() && io::stderr().is_terminal()), all) {
            (true, _) => Self::Nothing,
            (false, false) => Self::Decisions,
            (false, true) => Self::All,
        }
    }
}

impl Answers {
    /// Collects the values. `given` are those of the command line, `kept` the names of the stack's parameters.
    pub(super) fn collect(
        template: &Template,
        given: &[String],
        kept: Vec<String>,
        file: &str,
        ask: Ask,
    ) -> Result<Self> {
        let given = given.iter().map(|pair| parse(template, pair)).collect::<Result<Values>>()?;
        let (path, mut values) = stored(template, file)?;
        // The stack's values are newer than those of a run that was interrupted before.
        values.retain(|name, _| !kept.contains(name) && !given.contains_key(name));
        if let Some(path) = path.filter(|_| !values.is_empty()) {
            note(&from_file(&path, &values));
        }
        values.extend(given);
        let mut answers = Self { values, kept };
        if ask != Ask::Nothing {
            answers.ask(template, ask == Ask::All, file)?;
        }
        let missing = answers.missing(template);
        if missing.is_empty() {
            return Ok(answers);
        }
        Err(advised(
            format!("no value for {}", missing.join(", ")),
            "use --parameter NAME=VALUE or NAME=@FILE, or run the command in a terminal, where it asks",
        ))
    }

    /// The value, unless the stack keeps its own.
    pub(super) fn value(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(String::as_str)
    }

    /// The value or default, unless the stack keeps its own.
    pub(super) fn effective<'a>(&'a self, template: &'a Template, name: &str) -> Option<&'a str> {
        if self.keeps(name) {
            return None;
        }
        self.value(name).or_else(|| template.parameter(name)?.default.as_deref())
    }

    /// Sets the processor of the built functions.
    pub(super) fn set_architecture(&mut self, architecture: &str) -> Result<()> {
        if let Some(given) = self.value(ARCHITECTURE).filter(|given| *given != architecture) {
            let error = format!("the functions are built for {architecture}");
            return Err(advised(error, format!("build them for {given}, or leave {ARCHITECTURE} out")));
        }
        self.values.insert(ARCHITECTURE.to_owned(), architecture.to_owned());
        Ok(())
    }

    /// The parameters of a change set.
    pub(super) fn parameters(&self, template: &Template) -> Vec<types::Parameter> {
        let parameter = |parameter: &Parameter| {
            let name = &parameter.name;
            let builder = types::Parameter::builder().parameter_key(name);
            match self.value(name) {
                Some(value) => Some(builder.parameter_value(value).build()),
                None if self.kept.contains(name) => Some(builder.use_previous_value(true).build()),
                None => None,
            }
        };
        template.parameters.iter().filter_map(parameter).collect()
    }

    /// Returns whether the stack keeps its value.
    pub(super) fn keeps(&self, name: &str) -> bool {
        !self.values.contains_key(name) && self.kept.iter().any(|kept| kept == name)
    }

    /// The parameters without a value that a deployment could use.
    fn missing<'t>(&self, template: &'t Template) -> Vec<&'t str> {
        let is_missing = |parameter: &&Parameter| {
            let name = &*parameter.name;
            let is_required = match name {
                POOL_CLIENTS => self.has_pool(),
                POOL_DOMAIN => !self.has_pool() && !self.keeps(POOL),
                _ => parameter.default.is_none(),
            };
            is_required && !self.keeps(name) && self.value(name).unwrap_or_default().is_empty()
        };
        template.parameters.iter().filter(is_missing).map(|parameter| &*parameter.name).collect()
    }

    /// Returns whether the deployment uses an existing pool.
    fn has_pool(&self) -> bool {
        self.value(POOL).is_some_and(|pool| !pool.is_empty())
    }

    fn applies(&self, name: &str) -> bool {
        match name {
            POOL_CLIENTS => self.has_pool(),
            POOL_DOMAIN | "SelfSignUp" | "RequireMfa" => !self.has_pool(),
            ARCHITECTURE => false,
            _ => true,
        }
    }

    /// Asks for the parameters without a value. Stores each answer, so that an interrupted run continues there.
    fn ask(&mut self, template: &Template, all: bool, file: &str) -> Result<()> {
        let mut group = "";
        for parameter in &template.parameters {
            let name = &*parameter.name;
            let is_asked = self.applies(name)
                && !self.values.contains_key(name)
                && !self.kept.iter().any(|kept| kept == name)
                && (all || QUESTIONS.contains(&name) || parameter.default.is_none());
            if !is_asked {
                continue;
            }
            if group.is_empty() {
                note(
                    "Enter accepts the value in brackets. Change an answer later with --parameter NAME=VALUE.",
                );
            }
            if group != parameter.group {
                group = &parameter.group;
                note(&format!("\n{group}"));
            }
            let answer = ask_for(parameter, |value| {
                let is_empty = value.is_empty();
                (is_empty && matches!(name, POOL_CLIENTS | POOL_DOMAIN)).then(|| "needs a value".to_owned())
            })?;
            self.values.insert(name.to_owned(), answer);
            self.store(template, file)?;
        }
        if !group.is_empty() && !all {
            note("\nParameters without an answer keep their defaults; --ask-all asks for them, too.\n");
        }
        Ok(())
    }

    /// Stores the values for a later run, without secrets.
    fn store(&self, template: &Template, file: &str) -> Result<()> {
        let is_secret = |name: &str| template.parameter(name).is_none_or(|parameter| parameter.is_secret);
        let values = self.values.iter().filter(|(name, _)| !is_secret(name)).collect::<BTreeMap<_, _>>();
        files::write(file, &serde_json::to_vec_pretty(&values)?)?;
        Ok(())
    }
}

/// Reads the values of a run that was interrupted, and their path. Ignores those that this template does not accept.
fn stored(template: &Template, file: &str) -> Result<(Option<PathBuf>, Values)> {
    let Some((path, content)) = files::read(file)? else { return Ok((None, Values::new())) };
    let values = serde_json::from_slice::<Values>(&content);
    let mut values = values.with_context(|| format!("{} is malformed; remove it", path.display()))?;
    values.retain(|name, value| {
        let parameter = template.parameter(name);
        parameter.is_some_and(|parameter| !parameter.is_secret && parameter.objection(value).is_none())
    });
    Ok((Some(path), values))
}

/// A sentence about the values of a run that was interrupted.
fn from_file(path: &Path, values: &Values) -> String {
    let values = values.iter().map(|(name, value)| format!("{name}={}", printable(value)));
    let (path, values) = (path.display(), values.collect::<Vec<_>>().join(", "));
    format!("answers of an earlier run, in {path}: {values}; replace one with --parameter NAME=VALUE")
}

/// Parses `NAME=VALUE` or `NAME=@FILE`.
fn parse(template: &Template, pair: &str) -> Result<(String, String)> {
    let Some((name, value)) = pair.split_once('=') else {
        bail!("--parameter {}: not NAME=VALUE", printable(pair));
    };
    let parameter = template.parameter(name).with_context(|| {
        let names = template.parameters.iter().map(|parameter| &*parameter.name).collect::<Vec<_>>();
        format!("--parameter: no parameter {}; the template has {}", printable(name), names.join(", "))
    })?;
    let value = match value.strip_prefix('@') {
        // Files often end with a newline.
        Some(file) => {
            fs::read_to_string(file).with_context(|| format!("failed to read {file}"))?.trim().to_owned()
        }
        None => value.to_owned(),
    };
    match parameter.objection(&value) {
        Some(objection) => bail!("--parameter {name}: {objection}"),
        None => Ok((name.to_owned(), value)),
    }
}

/// Asks for a value until it is valid. `objection` is a check besides the template's.
fn ask_for(parameter: &Parameter, objection: impl Fn(&str) -> Option<String>) -> Result<String> {
    let Parameter { name, description, default, is_secret, allowed, .. } = parameter;
    note(&format!("\n  {name}"));
    for line in wrapped(description, usize::from(columns()).saturating_sub(4)) {
        note(&format!("    {line}"));
    }
    let choice = if allowed.is_empty() { String::new() } else { format!(" ({})", allowed.join(", ")) };
    let default_shown = default.as_ref().map(|default| {
        let shown = if default.is_empty() { "none" } else { default.as_str() };
        format!(" [{shown}]")
    });
    let hidden = if *is_secret { " (not shown)" } else { "" };
    loop {
        let question = format!("  {name}{choice}{}{hidden}: ", default_shown.as_deref().unwrap_or_default());
        write!(anstream::stderr(), "{question}")?;
        let answer = if *is_secret { read_hidden()? } else { read_line()? };
        let answer = answer.trim();
        let value = match default {
            Some(default) if answer.is_empty() => default.as_str(),
            _ => answer,
        };
        match parameter.objection(value).or_else(|| objection(value)) {
            Some(objection) => note(&format!("  {name}: {objection}")),
            None => return Ok(value.to_owned()),
        }
    }
}

fn read_line() -> Result<String> {
    let mut line = String::new();
    if io::stdin().read_line(&mut line)? == 0 {
        bail!("the input ended before the last question");
    }
    Ok(line)
}

/// Reads a line from the terminal without showing it.
pub(super) fn read_hidden() -> Result<String> {
    Ok(Term::stderr().read_secure_line()?)
}

/// Breaks a text into lines of at most `columns` characters, unless a word is longer.
fn wrapped(text: &str, columns: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.is_empty() => line.push_str(word),
            Some(line) if line.chars().count() + 1 + word.chars().count() <= columns => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answers(values: &[&str], kept: &[&str]) -> (Template, Answers) {
        let template = Template::read(None).unwrap();
        let values = values.iter().map(|pair| parse(&template, pair).unwrap()).collect();
        let kept = kept.iter().map(|name| (*name).to_owned()).collect();
        (template, Answers { values, kept })
    }

    fn missing(values: &[&str], kept: &[&str]) -> Vec<String> {
        let (template, answers) = answers(values, kept);
        answers.missing(&template).into_iter().map(str::to_owned).collect()
    }

    const URL: &str = "DatabaseUrl=postgresql://a:b@db.example/c?sslmode=verify-full";

    #[test]
    fn a_first_deployment_needs_the_values_without_defaults_and_a_pool() {
        assert_eq!(missing(&[], &[]), ["DatabaseUrl", "AllowedOrigins", "UserPoolDomainPrefix"]);
        let origin = "AllowedOrigins=https://a.example";
        assert_eq!(missing(&[URL, origin, "UserPoolId=eu-central-1_a"], &[]), ["UserPoolClientIds"]);
        assert!(missing(&[URL, origin, "UserPoolDomainPrefix=a"], &[]).is_empty());
        let kept =
            ["DatabaseUrl", "AllowedOrigins", "UserPoolId", "UserPoolClientIds", "UserPoolDomainPrefix"];
        assert!(missing(&[], &kept).is_empty());
    }

    #[test]
    fn an_update_keeps_the_stack_s_values_except_the_given_ones() {
        let (template, mut answers) = answers(&["SendBurst=5"], &["DatabaseUrl", "SendBurst", "Removed"]);
        answers.set_architecture("arm64").unwrap();
        assert!(answers.set_architecture("x86_64").is_err());
        let parameters = answers.parameters(&template);
        let parameters = parameters.iter().map(|parameter| {
            (parameter.parameter_key().unwrap(), parameter.parameter_value(), parameter.use_previous_value())
        });
        let expected = [
            ("DatabaseUrl", None, Some(true)),
            ("SendBurst", Some("5"), None),
            ("Architecture", Some("arm64"), None),
        ];
        assert_eq!(parameters.collect::<Vec<_>>(), expected);
        assert_eq!(answers.effective(&template, "SendInterval"), Some("1"));
        assert_eq!(answers.effective(&template, "DatabaseUrl"), None);
    }

    #[test]
    fn a_given_value_is_checked_and_may_come_from_a_file() {
        let template = Template::read(None).unwrap();
        let error = |pair: &str| parse(&template, pair).unwrap_err().to_string();
        assert!(error("SendBurst").contains("not NAME=VALUE"));
        assert!(error("Sendburst=5").contains("no parameter Sendburst"));
        assert_eq!(error("SendBurst=many"), "--parameter SendBurst: must be a number from 0 to 1000");
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), "7\n").unwrap();
        let pair = parse(&template, &format!("SendBurst=@{}", file.path().display())).unwrap();
        assert_eq!(pair, ("SendBurst".to_owned(), "7".to_owned()));
    }

    #[test]
    fn answers_of_an_earlier_run_are_listed() {
        let values = [("AlarmEmail", "a@b.example"), ("UserPoolId", "")];
        let values = values.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        assert_eq!(
            from_file(Path::new("a.json"), &values),
            "answers of an earlier run, in a.json: AlarmEmail=a@b.example, UserPoolId=; replace one with --parameter \
             NAME=VALUE"
        );
    }

    #[test]
    fn a_description_is_broken_between_words() {
        assert_eq!(wrapped("one two  three", 7), ["one two", "three"]);
        assert_eq!(wrapped("a-long-word b", 4), ["a-long-word", "b"]);
    }
}
