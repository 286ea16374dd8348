//! Files of the repository, and parts of the template.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use local::deployment::NOT_LOCAL;
use serde_json::Value;
use testing::yaml;

/// The repository's folder.
pub(super) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap().to_owned()
}

/// Text of a file in the repository.
pub(super) fn text(file: &str) -> String {
    fs::read_to_string(root().join(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

/// Names of the subfolders of a folder in the repository.
pub(super) fn folders(folder: &str) -> BTreeSet<String> {
    let entries = fs::read_dir(root().join(folder)).unwrap().map(Result::unwrap);
    let folders = entries.filter(|entry| entry.file_type().unwrap().is_dir());
    folders.map(|entry| entry.file_name().into_string().unwrap()).collect()
}

/// A YAML file.
pub(super) fn document(file: &str) -> Value {
    yaml::parse(&text(file))
}

pub(super) fn template() -> Value {
    document("template.yaml")
}

/// Resources of a type, by logical id.
pub(super) fn resources<'a>(template: &'a Value, of_type: &str) -> BTreeMap<&'a str, &'a Value> {
    let resources = entries(&template["Resources"]).filter(|(_, resource)| resource["Type"] == of_type);
    resources.map(|(id, resource)| (id, &resource["Properties"])).collect()
}

/// The functions' properties, by the name of the binary, without those that the local stack lacks.
pub(super) fn functions(template: &Value) -> BTreeMap<&str, &Value> {
    let mut functions = all_functions(template);
    functions.retain(|name, _| !NOT_LOCAL.contains(name));
    functions
}

/// The properties of all functions, by the name of the binary.
pub(super) fn all_functions(template: &Value) -> BTreeMap<&str, &Value> {
    let functions = resources(template, "AWS::Serverless::Function");
    functions.into_iter().map(|(id, properties)| (binary(template, id), properties)).collect()
}

/// Name of a function's binary.
pub(super) fn binary<'a>(template: &'a Value, function: &str) -> &'a str {
    template["Resources"][function]["Metadata"]["BuildProperties"]["Binary"].as_str().unwrap()
}

pub(super) fn text_of(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("{value} is not a text"))
}

/// Logical name, names and fragment of each loop over routes.
pub(super) fn loops(template: &Value) -> BTreeMap<&str, (BTreeSet<&str>, &Value)> {
    let loops = entries(&template["Resources"])
        .filter_map(|(id, loop_)| Some((id.strip_prefix("Fn::ForEach::")?, loop_)));
    loops
        .map(|(name, loop_)| (name, (loop_[1].as_array().unwrap().iter().map(text_of).collect(), &loop_[2])))
        .collect()
}

pub(super) fn entries(mapping: &Value) -> impl Iterator<Item = (&str, &Value)> {
    mapping.as_object().unwrap().iter().map(|(key, value)| (key.as_str(), value))
}

pub(super) fn keys(mapping: &Value) -> BTreeSet<&str> {
    entries(mapping).map(|(key, _)| key).collect()
}

/// References of `value` by `Ref`, `Fn::GetAtt` and the `${…}` of `Fn::Sub`: logical ids, parameters, and
/// `AWS::…`. Names that an `Fn::Sub` defines itself are excluded.
pub(super) fn references(value: &Value) -> BTreeSet<String> {
    let of_all = |values: &mut dyn Iterator<Item = &Value>| values.flat_map(references).collect();
    match value {
        Value::Array(items) => of_all(&mut items.iter()),
        Value::Object(object) => match object.iter().next() {
            Some((key, Value::String(name))) if key == "Ref" => BTreeSet::from([name.clone()]),
            Some((key, Value::String(name))) if key == "Fn::GetAtt" => BTreeSet::from([id_of(name)]),
            Some((key, Value::String(text))) if key == "Fn::Sub" => placeholders(text),
            Some((key, Value::Array(arguments))) if key == "Fn::Sub" => {
                let [Value::String(text), own] = &arguments[..] else { panic!("{arguments:?} of Fn::Sub") };
                let mut names = placeholders(text);
                names.retain(|name| own.get(name).is_none());
                names.extend(references(own));
                names
            }
            _ => of_all(&mut object.values()),
        },
        _ => BTreeSet::new(),
    }
}

/// Names between `${` and `}`.
fn placeholders(text: &str) -> BTreeSet<String> {
    let parts = text.split("${").skip(1);
    parts.map(|part| id_of(part.split_once('}').unwrap().0)).collect()
}

/// Logical id of a name with or without an attribute.
fn id_of(name: &str) -> String {
    name.split('.').next().unwrap_or_default().to_owned()
}
