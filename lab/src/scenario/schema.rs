//! The form of scenarios as a JSON Schema (2020-12), for editors.
//!
//! It is derived from the types that scenarios are read into. What these read by hand is described by hand here;
//! `lab/tests/schema.rs` holds both to each other.

use std::borrow::Cow;

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::{Map, Value, json};

use super::expect::{
    DROP_LABELS, Expect, Expected, Seconds, Status, Wanted, WantedLease, WantedLeaseFields,
    WantedOption, WantedOptions, answers,
};
use super::fault::Part;
use super::operation::{Restart, RestartFields};
use super::save::{PARTS, Save};
use super::step::{Changes, Fields, Hop, Lease, LeaseFields, SEND_KEYS, Send, Source, Target};
use super::topology::{InterfaceFields, InterfaceStep, ServerFields, Servers, State};
use super::value::{
    Block, CLIENT_MESSAGES, Code, Elapsed, Hex, Identifier, InHex, MessageType, Opaque, Several,
    Span, Wish,
};
use super::{ClientFields, Clients, Scenario};
use crate::authentication::Secret;
use crate::dissect;

/// The schema of a scenario.
#[must_use]
pub fn schema() -> Value {
    let generator = SchemaSettings::draft2020_12().into_generator();
    let mut schema = generator.into_root_schema_for::<Scenario>().to_value();
    if let Some(steps) = schema
        .pointer_mut("/$defs/step/oneOf")
        .and_then(Value::as_array_mut)
    {
        steps.push(json!({
            "description": "The steps of another file, from the folder of this one.",
            "type": "object",
            "properties": { "include": { "$ref": "#/$defs/SeveralTexts" } },
            "required": ["include"],
            "additionalProperties": false,
        }));
    }
    let whole = ["why", "rfc", "covers", "differs", "for", "include", "steps"];
    let kept: Vec<(&str, Value)> = whole
        .iter()
        .filter_map(|key| Some((*key, schema.pointer(&format!("/properties/{key}"))?.clone())))
        .collect();
    allow_names(&mut schema);
    for (key, own) in kept {
        schema["properties"][key] = own;
    }
    if let Some(root) = schema.as_object_mut() {
        root.remove("patternProperties");
        root.insert("title".to_owned(), json!("Scenario of dhcp6lab"));
    }
    schema["$defs"]["Name"] = json!({
        "description": "A parameter of `for`, or a value that an earlier step has saved.",
        "type": "string",
        "pattern": "\\$",
    });
    schema["$defs"]["SeveralTexts"] = json!({
        "anyOf": [
            { "type": "string" },
            { "type": "array", "items": { "type": "string" } },
        ],
    });
    schema
}

/// Lets `$NAME` stand wherever a value may, and as a key.
fn allow_names(schema: &mut Value) {
    match schema {
        Value::Array(list) => list.iter_mut().for_each(allow_names),
        Value::Object(object) => {
            for (key, value) in object.iter_mut() {
                match (key.as_str(), value) {
                    ("enum" | "const" | "default" | "required", _) => {}
                    ("properties", Value::Object(properties)) => {
                        for value in properties.values_mut() {
                            allow_names(value);
                            or_name(value);
                        }
                    }
                    ("$defs", Value::Object(definitions)) => {
                        definitions.values_mut().for_each(allow_names);
                    }
                    ("items" | "additionalProperties", value @ Value::Object(_)) => {
                        allow_names(value);
                        or_name(value);
                    }
                    (_, value) => allow_names(value),
                }
            }
            if object.get("additionalProperties") == Some(&Value::Bool(false)) {
                let names = json!({ "^\\$": true });
                object.insert("patternProperties".to_owned(), names);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn or_name(schema: &mut Value) {
    let mut own = std::mem::take(schema);
    let mut outer = Map::new();
    // Editors show what stands at the top.
    for key in ["description", "default"] {
        if let Some(value) = own.as_object_mut().and_then(|it| it.remove(key)) {
            outer.insert(key.to_owned(), value);
        }
    }
    outer.insert("anyOf".to_owned(), json!([own, { "$ref": "#/$defs/Name" }]));
    *schema = Value::Object(outer);
}

/// The values of parameters, by their names.
pub(super) struct Parameters;

/// The text of a configuration, or the file that it is in.
pub(super) struct Configuration;

/// Describes a type that is read by hand.
macro_rules! by_hand {
    ($type:ty, $name:literal, |$generator:ident| $schema:tt) => {
        impl JsonSchema for $type {
            fn schema_name() -> Cow<'static, str> {
                $name.into()
            }

            fn json_schema($generator: &mut SchemaGenerator) -> Schema {
                let _ = &$generator;
                json_schema!($schema)
            }
        }
    };
}

/// Digits of octets, with colons and blanks between them.
const HEX: &str = "^[0-9A-Fa-f: ]*$";

by_hand!(Parameters, "Parameters", |generator| {
    "type": "object",
    "minProperties": 1,
    "propertyNames": { "pattern": "^[A-Za-z_][A-Za-z0-9_]*$" },
    "additionalProperties": { "type": "array", "minItems": 1 },
});

by_hand!(Configuration, "Configuration", |generator| {
    "anyOf": [
        { "type": "string" },
        {
            "type": "object",
            "properties": {
                "file": {
                    "description": "The file that it is in, from the folder of this one.",
                    "type": "string",
                },
            },
            "required": ["file"],
            "additionalProperties": false,
        },
    ],
});

by_hand!(Hex, "Hex", |generator| {
    "description": "Octets in hexadecimal, with quotes; colons and blanks are welcome.",
    "type": "string",
    "pattern": HEX,
});

by_hand!(Span, "Span", |generator| {
    "description": "Seconds, or a number with `s`, `m`, `h` or `d`.",
    "anyOf": [
        { "type": "integer", "minimum": 0 },
        { "type": "string", "pattern": "^[0-9]+[smhd]$" },
    ],
});

by_hand!(Identifier, "Identifier", |generator| {
    "description": "A DUID in hexadecimal, `own` or `server`.",
    "anyOf": [
        { "enum": ["own", "server"] },
        { "type": "string", "pattern": HEX },
    ],
});

by_hand!(Code, "Code", |generator| {
    "description": "An option by its name or its code.",
    "anyOf": [
        { "enum": dissect::option_names().collect::<Vec<_>>() },
        { "type": "integer", "minimum": 0, "maximum": 65535 },
        { "type": "string", "pattern": "^[1-9][0-9]{0,4}$" },
    ],
});

by_hand!(Elapsed, "Elapsed", |generator| {
    "description": "Hundredths of a second, `none`, or what the client counts itself.",
    "anyOf": [
        { "type": "integer", "minimum": 0, "maximum": 65535 },
        { "enum": ["none", "counted", "counted-in-seconds"] },
    ],
});

by_hand!(Wish, "Wish", |generator| {
    "description": "Seconds, or `given`: what the server gave last.",
    "anyOf": [
        { "type": "integer", "minimum": 0, "maximum": 4_294_967_295_u32 },
        { "const": "given" },
    ],
});

by_hand!(MessageType, "MessageType", |generator| {
    "description": "A message of clients by its name.",
    "enum": CLIENT_MESSAGES,
});

by_hand!(Opaque, "Opaque", |generator| {
    "description": "Text, or octets as `{ hex: … }`.",
    "anyOf": [{ "type": "string" }, generator.subschema_for::<InHex>()],
});

by_hand!(Block, "Block", |generator| {
    "description": "An IPv6 address, or a prefix with its length.",
    "type": "string",
    "pattern": "^[0-9A-Fa-f:.]+(/[0-9]{1,3})?$",
});

by_hand!(Secret, "Secret", |generator| {
    "description": "Octets in base64, as in `keyinfo`.",
    "type": "string",
    "pattern": "^[A-Za-z0-9+/]*={0,2}$",
});

by_hand!(Target, "Target", |generator| {
    "description": "An IPv6 address, or `server` for the server's link-local one.",
    "anyOf": [{ "const": "server" }, { "type": "string", "pattern": "^[0-9A-Fa-f:.]+$" }],
});

by_hand!(Lease, "Lease", |generator| {
    "anyOf": [generator.subschema_for::<Block>(), generator.subschema_for::<LeaseFields>()],
});

by_hand!(WantedLease, "WantedLease", |generator| {
    "anyOf": [
        generator.subschema_for::<Block>(),
        generator.subschema_for::<WantedLeaseFields>(),
    ],
});

by_hand!(Seconds, "Seconds", |generator| {
    "anyOf": [
        { "type": "integer", "minimum": 0, "maximum": u32::MAX },
        { "const": "infinity" },
    ],
});

by_hand!(Status, "Status", |generator| {
    "description": "A status by its name or number; `none` where there is no Status Code option.",
    "anyOf": [
        { "enum": dissect::status_names().chain(["none".to_owned()]).collect::<Vec<_>>() },
        { "type": "integer", "minimum": 0, "maximum": 65535 },
    ],
});

by_hand!(WantedOption, "WantedOption", |generator| {
    "description": "`present`, `absent`, what transcripts show, or `{ hex: … }`.",
    "anyOf": [
        { "type": "string" },
        { "type": "integer", "minimum": 0 },
        generator.subschema_for::<InHex>(),
    ],
});

by_hand!(Part, "Part", |generator| {
    "description": "A part in hundredths: `25%`.",
    "type": "string",
    "pattern": "^(100|[0-9]{1,2}) *%$",
});

by_hand!(Save, "Save", |generator| {
    "type": "object",
    "minProperties": 1,
    "propertyNames": { "pattern": "^[A-Za-z_][A-Za-z0-9_]*$" },
    "additionalProperties": {
        "description": "A part of the answer: `ia_na.1.address`.",
        "type": "string",
        "pattern": format!("^({})(\\.[a-z0-9_-]+)*$", PARTS.join("|")),
    },
});

by_hand!(Restart, "Restart", |generator| {
    "description": "The server, by its name: `server` where there is one.",
    "anyOf": [{ "type": "string" }, generator.subschema_for::<RestartFields>()],
});

by_hand!(InterfaceStep, "Interface", |generator| {
    "anyOf": [generator.subschema_for::<State>(), generator.subschema_for::<InterfaceFields>()],
});

by_hand!(Servers, "Servers", |generator| {
    "type": "object",
    "additionalProperties": generator.subschema_for::<ServerFields>(),
});

by_hand!(Clients, "Clients", |generator| {
    "type": "object",
    "additionalProperties": generator.subschema_for::<ClientFields>(),
});

by_hand!(Expect, "Expect", |generator| {
    "anyOf": [
        generator.subschema_for::<Expected>(),
        { "type": "array", "minItems": 1, "items": generator.subschema_for::<Expected>() },
    ],
});

impl JsonSchema for WantedOptions {
    fn schema_name() -> Cow<'static, str> {
        "WantedOptions".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let option = generator.subschema_for::<WantedOption>();
        let properties: Map<String, Value> = dissect::option_names()
            .map(|it| (it.to_owned(), option.clone().to_value()))
            .collect();
        json_schema!({
            "type": "object",
            "properties": properties,
            "patternProperties": { "^[1-9][0-9]{0,4}$": option },
            "additionalProperties": false,
        })
    }
}

impl JsonSchema for Expected {
    fn schema_name() -> Cow<'static, str> {
        "Expected".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let words: Vec<String> = answers().chain(["silence".to_owned()]).collect();
        let wanted = generator.subschema_for::<Wanted>();
        let mut properties: Map<String, Value> = answers()
            .map(|it| (it, wanted.clone().to_value()))
            .collect();
        let dropped = json!({
            "description": "Changes comes, and the server says that it drops the message for this reason.",
            "enum": DROP_LABELS,
        });
        properties.insert("dropped".to_owned(), dropped);
        json_schema!({
            "anyOf": [
                { "enum": words },
                {
                    "type": "object",
                    "properties": properties,
                    "minProperties": 1,
                    "maxProperties": 1,
                    "additionalProperties": false,
                },
            ],
        })
    }
}

impl JsonSchema for Send {
    fn schema_name() -> Cow<'static, str> {
        "Send".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let mut properties = Map::new();
        for key in SEND_KEYS {
            let schema = match *key {
                "from" => {
                    json_schema!({ "description": "The name of the client.", "type": "string" })
                }
                "source" => generator.subschema_for::<Source>(),
                "to" => generator.subschema_for::<Target>(),
                "relay" => generator.subschema_for::<Vec<Hop>>(),
                "on" => {
                    json_schema!({ "description": "The link, if not the client's.", "type": "string" })
                }
                "raw" => generator.subschema_for::<Hex>(),
                "again" => generator.subschema_for::<Changes>(),
                "relay-forward" | "relay-reply" => generator.subschema_for::<Hop>(),
                _ => generator.subschema_for::<Fields>(),
            };
            properties.insert((*key).to_owned(), schema.to_value());
        }
        json_schema!({
            "type": "object",
            "properties": properties,
            "required": ["from"],
            "minProperties": 2,
            "additionalProperties": false,
        })
    }
}

impl<T: JsonSchema> JsonSchema for Several<T> {
    fn schema_name() -> Cow<'static, str> {
        format!("Several{}", T::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let one = generator.subschema_for::<T>();
        json_schema!({
            "anyOf": [{ "const": "none" }, one.clone(), { "type": "array", "items": one }],
        })
    }
}

#[cfg(test)]
mod tests;
