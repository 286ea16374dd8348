//! YAML as JSON.

use saphyr::{LoadableYamlNode as _, Scalar, Yaml};
use serde_json::{Value, json};

/// Parses one document. CloudFormation's tags get their long forms: `!Ref x` is `{"Ref": "x"}`.
#[must_use]
pub fn parse(text: &str) -> Value {
    let documents = Yaml::load_from_str(text).unwrap();
    let [document] = &documents[..] else { panic!("{} documents instead of one", documents.len()) };
    value(document)
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
