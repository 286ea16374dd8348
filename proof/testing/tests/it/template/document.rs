//! A YAML file as JSON, with the template's tags in their long forms: `!Ref x` is `{"Ref": "x"}`.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use saphyr::{LoadableYamlNode as _, Scalar, Yaml};
use serde_json::{Value, json};

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
    let text = text(file);
    let [document] = &Yaml::load_from_str(&text).unwrap()[..] else { panic!("{file} is not one document") };
    value(document)
}

pub(super) fn template() -> Value {
    document("template.yaml")
}

/// Resources of a type, by logical id.
pub(super) fn resources<'a>(template: &'a Value, of_type: &str) -> BTreeMap<&'a str, &'a Value> {
    let resources = entries(&template["Resources"]).filter(|(_, resource)| resource["Type"] == of_type);
    resources.map(|(id, resource)| (id, &resource["Properties"])).collect()
}

/// The functions' properties, by the name of the binary.
pub(super) fn functions(template: &Value) -> BTreeMap<&str, &Value> {
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

fn value(yaml: &Yaml<'_>) -> Value {
    match yaml {
        Yaml::Mapping(mapping) => {
            let entries = mapping.iter().map(|(key, item)| (key.as_str().unwrap().to_owned(), value(item)));
            Value::Object(entries.collect())
        }
        Yaml::Sequence(items) => items.iter().map(value).collect(),
        Yaml::Tagged(tag, tagged) => {
            let name = match &*tag.suffix {
                "Ref" | "Condition" => tag.suffix.clone(),
                function => format!("Fn::{function}"),
            };
            json!({ name: value(tagged) })
        }
        Yaml::Value(Scalar::Null) => Value::Null,
        Yaml::Value(Scalar::Boolean(value)) => json!(value),
        Yaml::Value(Scalar::Integer(value)) => json!(value),
        Yaml::Value(Scalar::String(value)) => json!(value),
        other => panic!("{other:?} is not expected"),
    }
}
