//! What a catalog takes from a ClusterServiceVersion: the `olm.csv.metadata` property, related images, the icon.
//!
//! opm decodes the CSV into Go structs and encodes some of them again: fields that the structs do not have go, empty
//! ones are left out, the order is that of the structs. The tables here say the same; only what they name is read, so
//! a wrong type elsewhere in the CSV, which opm refuses, passes.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde::de::Error as _;
use serde_json::value::RawValue;
use serde_json::{Error, from_str};

use crate::gojson::{Object, push_compact, push_string, text};

/// How a value is read and written.
enum Shape {
    Text,
    Bool,
    Int32,
    /// Any JSON, as it is.
    Raw,
    Texts,
    /// Texts by name, sorted by name.
    Map,
    Struct(&'static [Field]),
    Structs(&'static [Field]),
}

/// A field of a struct: its name and shape, and whether it is written when empty.
struct Field(&'static str, Shape, When);

#[derive(PartialEq)]
enum When {
    Always,
    Filled,
}

use Shape::{Bool, Int32, Map, Raw, Struct, Structs, Text, Texts};
use When::{Always, Filled};

const DESCRIPTOR: &[Field] = &[
    Field("path", Text, Always),
    Field("displayName", Text, Filled),
    Field("description", Text, Filled),
    Field("x-descriptors", Texts, Filled),
    Field("value", Raw, Filled),
];
const RESOURCE: &[Field] = &[Field("name", Text, Always), Field("kind", Text, Always), Field("version", Text, Always)];
const API_SERVICE: &[Field] = &[
    Field("name", Text, Always),
    Field("group", Text, Always),
    Field("version", Text, Always),
    Field("kind", Text, Always),
    Field("deploymentName", Text, Filled),
    Field("containerPort", Int32, Filled),
    Field("displayName", Text, Filled),
    Field("description", Text, Filled),
    Field("resources", Structs(RESOURCE), Filled),
    Field("statusDescriptors", Structs(DESCRIPTOR), Filled),
    Field("specDescriptors", Structs(DESCRIPTOR), Filled),
    Field("actionDescriptors", Structs(DESCRIPTOR), Filled),
];
const CRD: &[Field] = &[
    Field("name", Text, Always),
    Field("version", Text, Always),
    Field("kind", Text, Always),
    Field("displayName", Text, Filled),
    Field("description", Text, Filled),
    Field("resources", Structs(RESOURCE), Filled),
    Field("statusDescriptors", Structs(DESCRIPTOR), Filled),
    Field("specDescriptors", Structs(DESCRIPTOR), Filled),
    Field("actionDescriptors", Structs(DESCRIPTOR), Filled),
];
const API_SERVICES: &[Field] = &[Field("owned", Structs(API_SERVICE), Filled), Field("required", Structs(API_SERVICE), Filled)];
const CRDS: &[Field] = &[Field("owned", Structs(CRD), Filled), Field("required", Structs(CRD), Filled)];
const INSTALL_MODE: &[Field] = &[Field("type", Text, Always), Field("supported", Bool, Always)];
const LINK: &[Field] = &[Field("name", Text, Filled), Field("url", Text, Filled)];
const MAINTAINER: &[Field] = &[Field("name", Text, Filled), Field("email", Text, Filled)];
const GVK: &[Field] = &[Field("group", Text, Always), Field("version", Text, Always), Field("kind", Text, Always)];

/// The metadata's fields: from `metadata` or `spec` of the CSV, under which name there, under which name here.
const METADATA: [(Part, &str, Field); 14] = [
    (Part::Metadata, "annotations", Field("annotations", Map, Filled)),
    (Part::Spec, "apiservicedefinitions", Field("apiServiceDefinitions", Struct(API_SERVICES), Filled)),
    (Part::Spec, "customresourcedefinitions", Field("crdDescriptions", Struct(CRDS), Filled)),
    (Part::Spec, "description", Field("description", Text, Filled)),
    (Part::Spec, "displayName", Field("displayName", Text, Filled)),
    (Part::Spec, "installModes", Field("installModes", Structs(INSTALL_MODE), Filled)),
    (Part::Spec, "keywords", Field("keywords", Texts, Filled)),
    (Part::Metadata, "labels", Field("labels", Map, Filled)),
    (Part::Spec, "links", Field("links", Structs(LINK), Filled)),
    (Part::Spec, "maintainers", Field("maintainers", Structs(MAINTAINER), Filled)),
    (Part::Spec, "maturity", Field("maturity", Text, Filled)),
    (Part::Spec, "minKubeVersion", Field("minKubeVersion", Text, Filled)),
    (Part::Spec, "nativeAPIs", Field("nativeAPIs", Structs(GVK), Filled)),
    (Part::Spec, "provider", Field("provider", Struct(LINK), Filled)),
];

enum Part {
    Metadata,
    Spec,
}

/// The value of the `olm.csv.metadata` property, compact JSON.
pub(crate) fn metadata(csv: &RawValue) -> Result<Vec<u8>, Error> {
    let csv = Object::read(csv)?;
    let (metadata, spec) = (csv.object("metadata")?, csv.object("spec")?);
    let mut out = vec![b'{'];
    for (part, source, field) in &METADATA {
        let part = match part {
            Part::Metadata => &metadata,
            Part::Spec => &spec,
        };
        push_field(&mut out, part, source, field)?;
    }
    out.push(b'}');
    Ok(out)
}

/// Appends a field, preceded by a comma unless it is the first. An empty one may leave nothing.
fn push_field(out: &mut Vec<u8>, object: &Object<'_>, source: &str, Field(name, shape, when): &Field) -> Result<(), Error> {
    let start = out.len();
    if out.last() != Some(&b'{') {
        out.push(b',');
    }
    push_string(out, name);
    out.push(b':');
    let value = match shape {
        Raw => object.get_or_null(source),
        _ => object.get(source),
    };
    let empty = push_value(out, value, shape).map_err(|e| Error::custom(format_args!("{source}: {e}")))?;
    if empty && *when == Filled {
        out.truncate(start);
    }
    Ok(())
}

/// Appends a value, Go's zero value where there is none, and says whether it is one that Go calls empty.
fn push_value(out: &mut Vec<u8>, value: Option<&RawValue>, shape: &Shape) -> Result<bool, Error> {
    Ok(match shape {
        Text => {
            let text = value.map(text).transpose()?.unwrap_or_default();
            push_string(out, &text);
            text.is_empty()
        }
        Bool => {
            let flag: bool = value.map(|value| from_str(value.get())).transpose()?.unwrap_or_default();
            out.extend_from_slice(if flag { b"true" } else { b"false" });
            !flag
        }
        Int32 => {
            let number: i32 = value.map(|value| from_str(value.get())).transpose()?.unwrap_or_default();
            out.extend_from_slice(number.to_string().as_bytes());
            number == 0
        }
        Raw => {
            push_compact(out, value.map_or("null", RawValue::get));
            value.is_none()
        }
        Texts => {
            let texts = list(value)?;
            push_list(out, &texts, |out, item| push_value(out, Some(item), &Text))?;
            texts.is_empty()
        }
        Structs(fields) => {
            let items = list(value)?;
            push_list(out, &items, |out, item| push_struct(out, Some(item), fields))?;
            items.is_empty()
        }
        Struct(fields) => {
            push_struct(out, value, fields)?;
            false
        }
        Map => {
            let object = value.map(Object::read).transpose()?.unwrap_or_default();
            let mut sorted = BTreeMap::new();
            for (key, value) in object.fields() {
                sorted.insert(key, text(value)?);
            }
            out.push(b'{');
            for (index, (key, value)) in sorted.iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                push_string(out, key);
                out.push(b':');
                push_string(out, value);
            }
            out.push(b'}');
            sorted.is_empty()
        }
    })
}

fn push_struct(out: &mut Vec<u8>, value: Option<&RawValue>, fields: &[Field]) -> Result<bool, Error> {
    let object = value.map(Object::read).transpose()?.unwrap_or_default();
    out.push(b'{');
    for field in fields {
        push_field(out, &object, field.0, field)?;
    }
    out.push(b'}');
    Ok(false)
}

fn push_list(
    out: &mut Vec<u8>,
    items: &[&RawValue],
    mut push: impl FnMut(&mut Vec<u8>, &RawValue) -> Result<bool, Error>,
) -> Result<(), Error> {
    out.push(b'[');
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        push(out, item)?;
    }
    out.push(b']');
    Ok(())
}

fn list(value: Option<&RawValue>) -> Result<Vec<&RawValue>, Error> {
    value.map_or_else(|| Ok(Vec::new()), |value| from_str(value.get()))
}

/// `spec.relatedImages`: names and images, in the order of the CSV.
pub(crate) fn related_images(csv: &RawValue) -> Result<Vec<(String, String)>, Error> {
    let images = Object::read(csv)?.object("spec")?.list("relatedImages")?;
    let read = |image| {
        let image = Object::read(image)?;
        Ok((image.string("name")?, image.string("image")?))
    };
    images.into_iter().map(read).collect()
}

/// An icon: its data as base64 and its media type.
#[derive(Debug, PartialEq)]
pub(crate) struct Icon {
    pub(crate) base64: String,
    pub(crate) media_type: String,
}

/// Go's base64: padding is needed, left-over bits are not looked at. (Line breaks are dropped before.)
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::RequireCanonical)
        .with_decode_allow_trailing_bits(true),
);

/// The first icon of the CSV; none where it is empty or not base64 even without its blanks.
pub(crate) fn icon(csv: &RawValue) -> Result<Option<Icon>, Error> {
    let icons = Object::read(csv)?.object("spec")?.list("icon")?;
    let Some(first) = icons.first() else {
        return Ok(None);
    };
    let icon = Object::read(first)?;
    let (data, media_type) = (icon.string("base64data")?, icon.string("mediatype")?);
    let data = data.replace(['\r', '\n'], "");
    let Ok(bytes) = LENIENT.decode(&data).or_else(|_| LENIENT.decode(data.replace(' ', ""))) else {
        return Ok(None);
    };
    Ok((!bytes.is_empty()).then(|| Icon { base64: LENIENT.encode(bytes), media_type }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(json: &str) -> &RawValue {
        from_str(json).unwrap()
    }

    fn metadata_of(csv: &str) -> String {
        metadata(raw(csv)).map_or_else(|e| e.to_string(), |json| String::from_utf8(json).unwrap())
    }

    #[test]
    fn empty_fields_go_and_the_three_structs_stay() {
        insta::assert_snapshot!(metadata_of("{}"), @r#"{"apiServiceDefinitions":{},"crdDescriptions":{},"provider":{}}"#);
        insta::assert_snapshot!(metadata_of(r#"{"metadata": null, "spec": {"keywords": [], "displayName": "", "links": null, "unknown": 1}}"#), @r#"{"apiServiceDefinitions":{},"crdDescriptions":{},"provider":{}}"#);
    }

    #[test]
    fn fields_are_those_of_the_structs_in_their_order() {
        let csv = r#"{
            "spec": {
                "provider": {"url": "https://x", "name": "X", "more": 1},
                "Keywords": ["b", null, "a"],
                "installModes": [{"supported": true, "type": "OwnNamespace"}, {}],
                "nativeAPIs": [{"kind": "K", "group": "g", "version": "v"}],
                "customresourcedefinitions": {"owned": [{"kind": "K", "name": "n", "resources": [{}],
                    "specDescriptors": [{"path": "p", "value": {"b": 1.0, "a": null}, "x-descriptors": []}, {"value": null}]}]},
                "apiservicedefinitions": {"required": [{"containerPort": 5443}, {"containerPort": 0}]}
            },
            "metadata": {"annotations": {"z": "<&>", "a": null}, "labels": {}}
        }"#;
        insta::assert_snapshot!(metadata_of(csv), @r#"{"annotations":{"a":"","z":"<&>"},"apiServiceDefinitions":{"required":[{"name":"","group":"","version":"","kind":"","containerPort":5443},{"name":"","group":"","version":"","kind":""}]},"crdDescriptions":{"owned":[{"name":"n","version":"","kind":"K","resources":[{"name":"","kind":"","version":""}],"specDescriptors":[{"path":"p","value":{"b":1.0,"a":null}},{"path":"","value":null}]}]},"installModes":[{"type":"OwnNamespace","supported":true},{"type":"","supported":false}],"keywords":["b","","a"],"nativeAPIs":[{"group":"g","version":"v","kind":"K"}],"provider":{"name":"X","url":"https://x"}}"#);
    }

    #[test]
    fn wrong_types_are_named() {
        insta::assert_snapshot!(metadata_of(r#"{"spec": {"keywords": "one"}}"#), @r#"keywords: invalid type: string "one", expected a sequence at line 1 column 5"#);
        insta::assert_snapshot!(metadata_of(r#"{"spec": {"apiservicedefinitions": {"owned": [{"containerPort": 80.5}]}}}"#), @"apiservicedefinitions: owned: containerPort: invalid type: floating point `80.5`, expected i32 at line 1 column 4");
    }

    #[test]
    fn icons() {
        let icon_of = |data: &str| {
            icon(raw(&format!(r#"{{"spec": {{"icon": [{{"base64data": "{data}", "mediatype": "m"}}]}}}}"#))).unwrap()
        };
        let some = |base64: &str| Some(Icon { base64: base64.into(), media_type: "m".into() });
        let table = [
            ("", None),
            ("YQ==", some("YQ==")),
            // The bits behind the last byte are not looked at, and not kept.
            ("YR==", some("YQ==")),
            ("Y Q = =", some("YQ==")),
            (r"Y\nQ==", some("YQ==")),
            ("YQ", None),
            ("?", None),
        ];
        for (data, expected) in table {
            assert_eq!(icon_of(data), expected, "{data}");
        }
        assert_eq!(icon(raw("{}")).unwrap(), None);
        assert!(icon(raw(r#"{"spec": []}"#)).is_err());
    }
}
