//! The template: its parameters, and the functions that need code.

use std::{fmt::Write as _, path::Path};

use anyhow::{Context as _, Result, bail};
use regex_lite::Regex;
use saphyr::{LoadableYamlNode as _, MarkedYaml, Scalar};

/// The template of this version, for releases without a checkout.
const OWN: &str = include_str!("../../../template.yaml");

/// The template's file in a checkout.
const FILE: &str = "template.yaml";

#[derive(Debug)]
pub(super) struct Template {
    /// For messages: a path, or the command's version.
    pub(super) source: String,
    text: String,
    /// In the order of the template's groups.
    pub(super) parameters: Vec<Parameter>,
    pub(super) functions: Vec<Function>,
}

#[derive(Debug)]
pub(super) struct Parameter {
    pub(super) name: String,
    /// The label of its group.
    pub(super) group: String,
    pub(super) description: String,
    pub(super) default: Option<String>,
    /// Neither shown nor stored.
    pub(super) is_secret: bool,
    pub(super) allowed: Vec<String>,
    is_list: bool,
    is_number: bool,
    minimum: Option<i64>,
    maximum: Option<i64>,
    pattern: Option<Regex>,
    constraint: Option<String>,
}

#[derive(Debug)]
pub(super) struct Function {
    /// The logical id.
    pub(super) resource: String,
    pub(super) binary: String,
    /// Reserves `FunctionConcurrency`.
    pub(super) is_limited: bool,
    /// The line of its first property, counted from 0.
    pub(super) line: usize,
}

impl Template {
    /// Reads `file`, `template.yaml` in the current folder, or the template of this version.
    pub(super) fn read(file: Option<&Path>) -> Result<Self> {
        let in_checkout = Path::new(FILE);
        let file = file.or_else(|| in_checkout.exists().then_some(in_checkout));
        let Some(file) = file else {
            return Self::parse(concat!("cruddur ", env!("CARGO_PKG_VERSION")), OWN);
        };
        let source = file.display().to_string();
        let text = std::fs::read_to_string(file).with_context(|| format!("failed to read {source}"))?;
        Self::parse(&source, &text)
    }

    fn parse(source: &str, text: &str) -> Result<Self> {
        let documents =
            MarkedYaml::load_from_str(text).with_context(|| format!("{source}: malformed YAML"))?;
        let document = documents.first().with_context(|| format!("{source}: no template"))?;
        let parameters = parameters(document).with_context(|| format!("{source}: malformed parameters"))?;
        let functions = functions(document).with_context(|| format!("{source}: malformed functions"))?;
        Ok(Self { source: source.to_owned(), text: text.to_owned(), parameters, functions })
    }

    pub(super) fn parameter(&self, name: &str) -> Option<&Parameter> {
        self.parameters.iter().find(|parameter| parameter.name == name)
    }

    /// The binary of the function in a failed release, whose reason starts with CloudFormation's name for the function.
    pub(super) fn released(&self, stack: &str, reason: &str) -> Option<&str> {
        let is_named = |function: &&Function| reason.contains(&format!("{stack}-{}-", function.resource));
        self.functions.iter().find(is_named).map(|function| &*function.binary)
    }

    /// The template with the location of each function's code.
    pub(super) fn with_code(&self, location: impl Fn(&Function) -> Option<String>) -> String {
        let mut text = String::with_capacity(self.text.len() + 200 * self.functions.len());
        for (number, line) in self.text.lines().enumerate() {
            let function = self.functions.iter().find(|function| function.line == number);
            if let Some(location) = function.and_then(&location) {
                let indent = line.len() - line.trim_start().len();
                // Writing to a string can't fail.
                let _ = writeln!(text, "{:indent$}CodeUri: {location}", "");
            }
            text.push_str(line);
            text.push('\n');
        }
        text
    }
}

impl Parameter {
    /// Returns why a value is invalid.
    pub(super) fn objection(&self, value: &str) -> Option<String> {
        if !self.allowed.is_empty() && !self.allowed.iter().any(|allowed| allowed == value) {
            return Some(format!("must be one of {}", self.allowed.join(", ")));
        }
        if self.is_number {
            let (minimum, maximum) = (self.minimum.unwrap_or(i64::MIN), self.maximum.unwrap_or(i64::MAX));
            match value.parse::<i64>() {
                Ok(number) if (minimum..=maximum).contains(&number) => {}
                _ if self.minimum.is_some() && self.maximum.is_some() => {
                    return Some(format!("must be a number from {minimum} to {maximum}"));
                }
                _ => return Some("must be a number".to_owned()),
            }
        }
        let pattern = self.pattern.as_ref()?;
        let fits = if self.is_list {
            value.split(',').all(|item| pattern.is_match(item))
        } else {
            pattern.is_match(value)
        };
        let constraint = || self.constraint.clone().unwrap_or_else(|| format!("must match {pattern}"));
        (!fits).then(constraint)
    }
}

fn parameters(document: &MarkedYaml<'_>) -> Result<Vec<Parameter>> {
    let declared = get(document, &["Parameters"]).context("no Parameters")?;
    let groups = get(document, &["Metadata", "AWS::CloudFormation::Interface", "ParameterGroups"]);
    let mut parameters = Vec::new();
    for group in groups.and_then(|groups| groups.data.as_vec()).into_iter().flatten() {
        let label = get(group, &["Label", "default"]).and_then(text).unwrap_or_default();
        for name in get(group, &["Parameters"]).and_then(|names| names.data.as_vec()).into_iter().flatten() {
            let name = text(name).context("a group has a parameter without a name")?;
            let node = get(declared, &[name.as_str()]).with_context(|| format!("{name} is not declared"))?;
            parameters.push(parameter(name, &label, node)?);
        }
    }
    for (name, node) in declared.data.as_mapping().into_iter().flatten() {
        let name = text(name).context("a parameter has no name")?;
        if parameters.iter().all(|parameter: &Parameter| parameter.name != name) {
            parameters.push(parameter(name, "Others", node)?);
        }
    }
    Ok(parameters)
}

fn parameter(name: String, group: &str, node: &MarkedYaml<'_>) -> Result<Parameter> {
    let of = |key: &str| get(node, &[key]).and_then(text);
    let number = |key: &str| of(key).and_then(|number| number.parse().ok());
    let pattern = of("AllowedPattern").map(|pattern| Regex::new(&format!("^(?:{pattern})$"))).transpose();
    let allowed = get(node, &["AllowedValues"]).and_then(|values| values.data.as_vec());
    let kind = of("Type").with_context(|| format!("{name} has no type"))?;
    Ok(Parameter {
        group: group.to_owned(),
        description: of("Description").unwrap_or_default(),
        default: of("Default"),
        is_secret: of("NoEcho").as_deref() == Some("true"),
        allowed: allowed.into_iter().flatten().filter_map(text).collect(),
        is_list: kind == "CommaDelimitedList",
        is_number: kind == "Number",
        minimum: number("MinValue"),
        maximum: number("MaxValue"),
        pattern: pattern.with_context(|| format!("pattern of {name}"))?,
        constraint: of("ConstraintDescription"),
        name,
    })
}

fn functions(document: &MarkedYaml<'_>) -> Result<Vec<Function>> {
    let mut functions = Vec::new();
    let resources = get(document, &["Resources"]).and_then(|resources| resources.data.as_mapping());
    for (name, node) in resources.into_iter().flatten() {
        if get(node, &["Type"]).and_then(text).as_deref() != Some("AWS::Serverless::Function") {
            continue;
        }
        let resource = text(name).context("a resource has no name")?;
        let binary = get(node, &["Metadata", "BuildProperties", "Binary"]).and_then(text);
        let properties = get(node, &["Properties"]).and_then(|properties| properties.data.as_mapping());
        let first = properties.and_then(|properties| properties.keys().next());
        let first = first.with_context(|| format!("{resource} has no properties"))?;
        if first.span.start.line() == node.span.start.line() {
            bail!("{resource} has its properties on one line");
        }
        functions.push(Function {
            binary: binary.with_context(|| format!("{resource} names no binary"))?,
            is_limited: get(node, &["Properties", "ReservedConcurrentExecutions"]).is_none(),
            line: first.span.start.line().saturating_sub(1),
            resource,
        });
    }
    Ok(functions)
}

fn get<'a, 'i>(node: &'a MarkedYaml<'i>, path: &[&str]) -> Option<&'a MarkedYaml<'i>> {
    path.iter().try_fold(node, |node, key| node.data.as_mapping_get(key))
}

/// A scalar as CloudFormation reads it.
fn text(node: &MarkedYaml<'_>) -> Option<String> {
    match &node.data {
        saphyr::YamlData::Value(Scalar::String(text)) => Some(text.to_string()),
        saphyr::YamlData::Value(Scalar::Integer(number)) => Some(number.to_string()),
        saphyr::YamlData::Value(Scalar::Boolean(value)) => Some(value.to_string()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn own() -> Template {
        Template::parse("template.yaml", OWN).unwrap()
    }

    fn objection(name: &str, value: &str) -> Option<String> {
        own().parameter(name).unwrap().objection(value)
    }

    #[test]
    fn every_parameter_is_in_a_group_and_its_default_is_valid() {
        let template = own();
        for parameter in &template.parameters {
            assert_ne!(parameter.group, "Others", "{parameter:?}");
            assert!(!parameter.description.is_empty(), "{parameter:?}");
            if let Some(default) = &parameter.default {
                assert_eq!(parameter.objection(default), None, "{parameter:?}");
            }
        }
        let secrets = template.parameters.iter().filter(|parameter| parameter.is_secret);
        let secrets = secrets.map(|parameter| &*parameter.name).collect::<Vec<_>>();
        assert_eq!(secrets, ["DatabaseUrl", "LookUpDatabaseUrl"]);
    }

    #[test]
    fn a_value_is_checked_as_cloudformation_does() {
        let url = "postgresql://a:b@c.example/d";
        assert!(objection("DatabaseUrl", url).unwrap().contains("exactly one sslmode"));
        assert_eq!(objection("DatabaseUrl", &format!("{url}?sslmode=verify-full&sslrootcert=rds")), None);
        assert_eq!(objection("AllowedOrigins", "https://a.example,http://localhost:3000"), None);
        assert!(objection("AllowedOrigins", "https://a.example,https://b.example/").is_some());
        assert_eq!(objection("SendBurst", "1001").unwrap(), "must be a number from 0 to 1000");
        assert_eq!(objection("SelfSignUp", "yes").unwrap(), "must be one of true, false");
        assert_eq!(objection("LogRetentionDays", "7"), None);
    }

    #[test]
    fn the_function_of_a_failed_release_is_found() {
        let reason =
            "Message returned: a-stack-ListMessagesFunction-0a: version 2 is unhealthy: can't use PostgreSQL";
        assert_eq!(own().released("a-stack", reason), Some("list-messages"));
        assert_eq!(own().released("a-stack", "MessageTable: already exists"), None);
    }

    #[test]
    fn each_function_gets_the_location_of_its_code_and_nothing_else_changes() {
        let template = own();
        assert_eq!(template.functions.len(), OWN.matches("BuildMethod: rust-cargolambda").count());
        // As in the description of FunctionConcurrency.
        assert_eq!(template.functions.iter().filter(|function| function.is_limited).count(), 24);
        let packaged = template.with_code(|function| Some(format!("s3://bucket/{}.zip", function.binary)));
        let located = Template::parse("packaged", &packaged).unwrap();
        let document = MarkedYaml::load_from_str(&packaged).unwrap();
        for function in &located.functions {
            let path = ["Resources", &function.resource, "Properties", "CodeUri"];
            let location = get(&document[0], &path).and_then(text).unwrap();
            assert_eq!(location, format!("s3://bucket/{}.zip", function.binary));
        }
        let lines = packaged.lines().filter(|line| !line.contains("CodeUri: s3://"));
        assert_eq!(lines.collect::<Vec<_>>(), OWN.lines().collect::<Vec<_>>());
    }
}
