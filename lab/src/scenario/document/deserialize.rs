//! The tree → whatever serde reads, with the place of every mistake.

use std::fmt;

use serde::de::value::StrDeserializer;
use serde::de::{
    self, DeserializeSeed, Deserializer, EnumAccess, Expected, IntoDeserializer, MapAccess,
    SeqAccess, Unexpected, VariantAccess, Visitor,
};

use super::{Content, Node, Place, Scalar};
use crate::scenario::words;

/// What is wrong with a document, and where.
#[derive(Clone, Debug, Default)]
pub(crate) struct Fault {
    place: Option<Place>,
    /// The keys and elements that lead there, the innermost first.
    path: Vec<Step>,
    reason: String,
    /// Where a key is not known: those that are.
    pub(crate) known: Option<&'static [&'static str]>,
}

#[derive(Clone, Debug)]
enum Step {
    Key(String),
    Element(usize),
}

impl Fault {
    /// A mistake at a place.
    pub(crate) fn at(place: &Place, reason: impl Into<String>) -> Self {
        Self {
            place: Some(place.clone()),
            reason: reason.into(),
            ..Self::default()
        }
    }

    /// Where it is; the innermost place that was said.
    pub(crate) fn place(&self) -> Option<&Place> {
        self.place.as_ref()
    }

    pub(crate) fn or_at(mut self, place: &Place) -> Self {
        self.place.get_or_insert_with(|| place.clone());
        self
    }

    fn within(mut self, step: Step) -> Self {
        self.path.push(step);
        self
    }

    /// The same, in that element of the list under a key.
    pub(crate) fn in_element(self, key: &str, index: usize) -> Self {
        self.within(Step::Element(index))
            .within(Step::Key(key.to_owned()))
    }

    /// The keys that lead there, and what is wrong there.
    pub(crate) fn reason(&self) -> String {
        let mut path = String::new();
        for step in self.path.iter().rev() {
            match step {
                Step::Key(key) if path.is_empty() => path.push_str(key),
                Step::Key(key) => path.extend([".", key]),
                Step::Element(index) => path.push_str(&format!(" {}", index + 1)),
            }
        }
        // Failures call it so, too.
        if let Some(rest) = path.strip_prefix("steps ") {
            path = format!("step {}", rest.replacen('.', ", ", 1));
        }
        match path.as_str() {
            "" => self.reason.clone(),
            _ => format!("{path}: {}", self.reason),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            Some(place) => write!(f, "{place}: {}", self.reason()),
            None => f.write_str(&self.reason()),
        }
    }
}

impl std::error::Error for Fault {}

impl de::Error for Fault {
    fn custom<T: fmt::Display>(reason: T) -> Self {
        Self {
            reason: reason.to_string(),
            ..Self::default()
        }
    }

    fn invalid_type(unexpected: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::custom(format_args!(
            "this is {}; expected {}",
            words::unexpected(&unexpected),
            words::expected(&expected.to_string())
        ))
    }

    fn invalid_value(unexpected: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::invalid_type(unexpected, expected)
    }

    fn unknown_field(name: &str, known: &'static [&'static str]) -> Self {
        let reason = words::not_known(name, "a key here", known.iter().copied());
        Self {
            known: Some(known),
            ..Self::custom(reason)
        }
    }

    fn unknown_variant(name: &str, known: &'static [&'static str]) -> Self {
        let reason = words::not_known(name, "known here", known.iter().copied());
        Self {
            known: Some(known),
            ..Self::custom(reason)
        }
    }

    fn missing_field(name: &'static str) -> Self {
        Self::custom(format_args!("`{name}` is missing"))
    }

    fn duplicate_field(name: &'static str) -> Self {
        Self::custom(format_args!("`{name}` stands twice"))
    }
}

impl<'de> Deserializer<'de> for &'de Node {
    type Error = Fault;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        let read = match &self.content {
            Content::Scalar(scalar) => visit_scalar(scalar, visitor),
            Content::List(elements) => visitor.visit_seq(Elements(elements.iter().enumerate())),
            Content::Map(entries) => {
                let mut access = Entries::new(entries);
                let read = visitor.visit_map(&mut access);
                // What is wrong with a key is often found only once it was read.
                let key = access.value.map(|(key, _)| &key.place);
                read.map_err(|fault| fault.or_at(key.unwrap_or(&self.place)))
            }
        };
        read.map_err(|fault| fault.or_at(&self.place))
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        if let Content::Scalar(scalar) = &self.content
            && scalar.filled
        {
            let read = visitor.visit_str(&scalar.text);
            return read.map_err(|fault: Fault| fault.or_at(&self.place));
        }
        self.deserialize_any(visitor)
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.deserialize_str(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        if let Content::Scalar(scalar) = &self.content
            && is_nothing(scalar)
        {
            return visitor.visit_none();
        }
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Fault> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        let (key, value) = match &self.content {
            Content::Scalar(_) => (self, None),
            Content::Map(entries) => match entries.as_slice() {
                [(key, value)] => (key, Some(value)),
                [_, (second, _), ..] => {
                    let reason = format!("a {name} has one key; make this another {name}");
                    return Err(Fault::at(&second.place, reason));
                }
                [] => {
                    return Err(Fault::at(
                        &self.place,
                        format!("a {name} has one key, and this has none"),
                    ));
                }
            },
            Content::List(_) => {
                let reason = format!("a {name} is no list");
                return Err(Fault::at(&self.place, reason));
            }
        };
        let read = visitor.visit_enum(Choice { name, key, value });
        read.map_err(|fault| fault.or_at(&self.place))
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char bytes byte_buf unit unit_struct
        seq tuple tuple_struct map struct identifier ignored_any
    }
}

/// The keys that a type with named fields knows.
pub(crate) fn keys_of<'de, T: serde::Deserialize<'de>>() -> &'static [&'static str] {
    let mut keys: &'static [&'static str] = &[];
    // It tells its keys when it asks for a value; that there is none is no matter.
    let _ = T::deserialize(Keys(&mut keys));
    keys
}

struct Keys<'a>(&'a mut &'static [&'static str]);

impl<'de> Deserializer<'de> for Keys<'_> {
    type Error = Fault;

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Fault> {
        Err(Fault::default())
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        keys: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, Fault> {
        *self.0 = keys;
        Err(Fault::default())
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option
        unit unit_struct newtype_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}

fn is_nothing(scalar: &Scalar) -> bool {
    scalar.plain && matches!(scalar.text.as_str(), "" | "~" | "null" | "Null" | "NULL")
}

/// A single value by the core schema of YAML 1.2 (§10.3.2), except that numbers begin with no zero but 0 itself.
fn visit_scalar<'de, V: Visitor<'de>>(scalar: &Scalar, visitor: V) -> Result<V::Value, Fault> {
    let text = scalar.text.as_str();
    if !scalar.plain {
        return visitor.visit_str(text);
    }
    if is_nothing(scalar) {
        return visitor.visit_unit();
    }
    match text {
        "true" | "True" | "TRUE" => return visitor.visit_bool(true),
        "false" | "False" | "FALSE" => return visitor.visit_bool(false),
        _ => {}
    }
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    let is_decimal = digits == "0" || !digits.starts_with('0');
    let begins_so = digits.bytes().next().is_some_and(|it| it.is_ascii_digit());
    if begins_so && is_decimal && digits.bytes().all(|it| it.is_ascii_digit()) {
        if let Ok(number) = text.parse::<u64>() {
            return visitor.visit_u64(number);
        }
        if let Ok(number) = text.parse::<i64>() {
            return visitor.visit_i64(number);
        }
        return Err(de::Error::custom(format_args!("`{text}` is too large")));
    }
    if let Some(number) = digits
        .strip_prefix("0x")
        .map(|it| u64::from_str_radix(it, 16))
        && let Ok(number) = number
        && digits == text
    {
        return visitor.visit_u64(number);
    }
    let float = |it: char| it.is_ascii_digit() || matches!(it, '.' | 'e' | 'E' | '-' | '+');
    if begins_so
        && text.contains(['.', 'e', 'E'])
        && text.chars().all(float)
        && let Ok(number) = text.parse::<f64>()
    {
        return visitor.visit_f64(number);
    }
    visitor.visit_str(text)
}

struct Elements<'de>(std::iter::Enumerate<std::slice::Iter<'de, Node>>);

impl<'de> SeqAccess<'de> for Elements<'de> {
    type Error = Fault;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Fault> {
        let Some((index, node)) = self.0.next() else {
            return Ok(None);
        };
        let read = seed.deserialize(node);
        read.map(Some)
            .map_err(|fault| fault.or_at(&node.place).within(Step::Element(index)))
    }
}

struct Entries<'de> {
    entries: std::slice::Iter<'de, (Node, Node)>,
    value: Option<(&'de Node, &'de Node)>,
}

impl<'de> Entries<'de> {
    fn new(entries: &'de [(Node, Node)]) -> Self {
        Self {
            entries: entries.iter(),
            value: None,
        }
    }
}

impl<'de> MapAccess<'de> for &mut Entries<'de> {
    type Error = Fault;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Fault> {
        let Some((key, value)) = self.entries.next() else {
            return Ok(None);
        };
        self.value = Some((key, value));
        // Whatever it looks like, a key is a word.
        let word: StrDeserializer<'_, Fault> =
            key.as_text().unwrap_or_default().into_deserializer();
        let read = seed.deserialize(word);
        read.map(Some).map_err(|fault| fault.or_at(&key.place))
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Fault> {
        let (key, value) = self.value.take().expect("a key was read before");
        let name = key.as_text().unwrap_or_default().to_owned();
        let read = seed.deserialize(value);
        read.map_err(|fault| fault.or_at(&value.place).within(Step::Key(name)))
    }
}

/// `key: value`, or a word alone, where one of several kinds of things may stand.
struct Choice<'de> {
    /// What these things are called.
    name: &'static str,
    key: &'de Node,
    value: Option<&'de Node>,
}

impl<'de> EnumAccess<'de> for Choice<'de> {
    type Error = Fault;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Self), Fault> {
        let word = self.key.as_text().unwrap_or_default();
        let deserializer: StrDeserializer<'_, Fault> = word.into_deserializer();
        match seed.deserialize(deserializer) {
            Ok(variant) => Ok((variant, self)),
            Err(mut fault) => {
                if let Some(known) = fault.known {
                    let what = format!("a {}", self.name);
                    // What is joined before steps are read is no step any more, but may be meant.
                    let joined = ["include"].into_iter().filter(|_| self.name == "step");
                    let known = known.iter().copied().chain(joined);
                    fault.reason = words::not_known(word, &what, known);
                }
                Err(fault.or_at(&self.key.place))
            }
        }
    }
}

impl<'de> VariantAccess<'de> for Choice<'de> {
    type Error = Fault;

    fn unit_variant(self) -> Result<(), Fault> {
        match self.value {
            None => Ok(()),
            Some(value) => Err(Fault::at(&value.place, "nothing is said here")),
        }
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Fault> {
        let name = self.key.as_text().unwrap_or_default();
        let Some(value) = self.value else {
            let reason = format!("`{name}` needs a value: write `{name}: …`");
            return Err(Fault::at(&self.key.place, reason));
        };
        seed.deserialize(value)
            .map_err(|fault| fault.or_at(&value.place).within(Step::Key(name.to_owned())))
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Fault> {
        self.struct_variant(&[], visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        let value = self.value.unwrap_or(self.key);
        value.deserialize_any(visitor)
    }
}
