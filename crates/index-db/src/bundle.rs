//! One bundle's row as the `olm.bundle` object of a catalog.

use std::collections::BTreeSet;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::de::Error as _;
use serde_json::value::RawValue;
use serde_json::{Deserializer, Error};

use crate::csv;
use crate::gojson::{Object, push_compact, push_string};
use crate::migrate::Style;

/// A bundle as the database holds it.
#[derive(Debug, Default)]
pub(crate) struct Stored {
    pub(crate) name: String,
    pub(crate) package: String,
    pub(crate) version: String,
    /// The pull spec of the bundle image; may be empty.
    pub(crate) image: String,
    /// The manifests: JSON objects one after another. May be empty.
    pub(crate) manifests: String,
    /// Types and values of its rows in `properties`.
    pub(crate) properties: Vec<(String, String)>,
    /// Types and values of its rows in `dependencies`.
    pub(crate) dependencies: Vec<(String, String)>,
    /// Its rows in `related_image`.
    pub(crate) images: BTreeSet<String>,
}

/// A property: its type and its value as compact JSON. They are sorted by both.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Property(String, Vec<u8>);

const PACKAGE: &str = "olm.package";
const GVK: &str = "olm.gvk";
const OBJECT: &str = "olm.bundle.object";
const METADATA: &str = "olm.csv.metadata";

// === impl Stored ===

impl Stored {
    /// The `olm.bundle` object, compact JSON.
    pub(crate) fn to_json(&self, style: Style) -> Result<Vec<u8>, Error> {
        let manifests = objects(&self.manifests)?;
        let csv = self.csv(&manifests)?;
        let mut properties = self.stored_properties()?;
        let mut objects: Vec<Property> = properties.extract_if(.., |property| property.0 == OBJECT).collect();
        let has_metadata = properties.iter().any(|property| property.0 == METADATA);
        match csv {
            Some(csv) if style.csv_metadata && !self.image.is_empty() && !has_metadata => {
                properties.push(Property(METADATA.into(), csv::metadata(csv)?));
                objects.clear();
            }
            _ if style.sorted_objects => {
                objects.extend(manifests.iter().map(|manifest| object_property(manifest)));
                objects.sort();
                objects.dedup();
            }
            _ => objects = manifests.iter().map(|manifest| object_property(manifest)).collect(),
        }
        properties.sort();
        properties.dedup();
        // What carries manifests stands after all else, and objects before metadata.
        let metadata: Vec<Property> = properties.extract_if(.., |property| property.0 == METADATA).collect();
        properties.append(&mut objects);
        properties.extend(metadata);

        let related_images = self.related_images(csv)?;
        Ok(self.write(&properties, &related_images))
    }

    /// The first manifest that is a CSV. Where there are manifests, one must be.
    fn csv<'a>(&self, manifests: &[&'a RawValue]) -> Result<Option<&'a RawValue>, Error> {
        for manifest in manifests {
            let object = Object::read(manifest)?;
            match object.string("kind")?.as_str() {
                "" => return Err(Error::custom("one of its manifests has no kind")),
                "ClusterServiceVersion" if object.object("metadata")?.string("name")?.is_empty() => {
                    return Err(Error::custom("its ClusterServiceVersion has no name"));
                }
                "ClusterServiceVersion" => return Ok(Some(manifest)),
                _ => {}
            }
        }
        if manifests.is_empty() { Ok(None) } else { Err(Error::custom("no ClusterServiceVersion among its manifests")) }
    }

    /// Everything that does not come from the manifests.
    fn stored_properties(&self) -> Result<Vec<Property>, Error> {
        let mut properties = Vec::new();
        let mut has_package = false;
        for (kind, value) in &self.properties {
            let context = |e| Error::custom(format_args!("property {kind}: {e}"));
            let raw: &RawValue = serde_json::from_str(value).map_err(context)?;
            has_package |= kind == PACKAGE;
            if kind == GVK {
                properties.push(gvk_property(GVK, raw).map_err(context)?);
            } else {
                let mut compact = Vec::with_capacity(value.len());
                push_compact(&mut compact, raw.get());
                properties.push(Property(kind.clone(), compact));
            }
        }
        for (kind, value) in &self.dependencies {
            let context = |e| Error::custom(format_args!("dependency {kind}: {e}"));
            let raw: &RawValue = serde_json::from_str(value).map_err(context)?;
            match kind.as_str() {
                GVK => properties.push(gvk_property("olm.gvk.required", raw).map_err(context)?),
                PACKAGE => {
                    let object = Object::read(raw).map_err(context)?;
                    let package = object.string("packageName").map_err(context)?;
                    let range = object.string("version").map_err(context)?;
                    properties
                        .push(text_property("olm.package.required", &[("packageName", &package), ("versionRange", &range)]));
                }
                _ => {}
            }
        }
        if !has_package {
            properties.push(text_property(PACKAGE, &[("packageName", &self.package), ("version", &self.version)]));
        }
        Ok(properties)
    }

    /// Names and images, sorted by image: those of the CSV, and what else the database knows, without a name.
    fn related_images(&self, csv: Option<&RawValue>) -> Result<Vec<(String, String)>, Error> {
        let mut related = csv.map(csv::related_images).transpose()?.unwrap_or_default();
        let named: BTreeSet<String> = related.iter().map(|(_, image)| image.clone()).collect();
        related.extend(self.images.difference(&named).map(|image| (String::new(), image.clone())));
        // opm's sort is not stable: with more than twelve images the order of names of one image is its secret.
        related.sort_by(|(_, a), (_, b)| a.cmp(b));
        Ok(related)
    }

    fn write(&self, properties: &[Property], related_images: &[(String, String)]) -> Vec<u8> {
        let mut out = Vec::new();
        out.extend_from_slice(br#"{"schema":"olm.bundle""#);
        for (key, value) in [("name", &self.name), ("package", &self.package), ("image", &self.image)] {
            if key == "image" || !value.is_empty() {
                push_text_field(&mut out, key, value);
            }
        }
        push_list(&mut out, "properties", properties, |out, Property(kind, value)| {
            push_text_field(out, "type", kind);
            out.extend_from_slice(br#","value":"#);
            out.extend_from_slice(value);
        });
        push_list(&mut out, "relatedImages", related_images, |out, (name, image)| {
            push_text_field(out, "name", name);
            push_text_field(out, "image", image);
        });
        out.push(b'}');
        out
    }
}

/// The objects of a `bundle` column. Like Go's decoder this stops without complaint at a closing bracket.
fn objects(manifests: &str) -> Result<Vec<&RawValue>, Error> {
    let mut objects = Vec::new();
    let mut stream = Deserializer::from_str(manifests).into_iter();
    loop {
        if manifests[stream.byte_offset()..].trim_start().starts_with(['}', ']']) {
            return Ok(objects);
        }
        match stream.next() {
            Some(object) => objects.push(object?),
            None => return Ok(objects),
        }
    }
}

fn object_property(manifest: &RawValue) -> Property {
    let mut value = br#"{"data":""#.to_vec();
    value.extend_from_slice(STANDARD.encode(manifest.get()).as_bytes());
    value.extend_from_slice(br#""}"#);
    Property(OBJECT.into(), value)
}

fn gvk_property(kind: &str, value: &RawValue) -> Result<Property, Error> {
    let object = Object::read(value)?;
    let fields = [("group", object.string("group")?), ("kind", object.string("kind")?), ("version", object.string("version")?)];
    Ok(text_property(kind, &fields.each_ref().map(|(key, value)| (*key, value.as_str()))))
}

fn text_property(kind: &str, fields: &[(&str, &str)]) -> Property {
    let mut value = vec![b'{'];
    for (key, text) in fields {
        push_text_field(&mut value, key, text);
    }
    value.push(b'}');
    Property(kind.into(), value)
}

/// Appends `"key":"text"`, preceded by a comma unless it is the first of its object.
pub(crate) fn push_text_field(out: &mut Vec<u8>, key: &str, text: &str) {
    if out.last() != Some(&b'{') {
        out.push(b',');
    }
    push_string(out, key);
    out.push(b':');
    push_string(out, text);
}

/// Appends `,"key":[{…},…]`, or nothing for an empty list.
pub(crate) fn push_list<T>(out: &mut Vec<u8>, key: &str, items: &[T], mut push: impl FnMut(&mut Vec<u8>, &T)) {
    for (index, item) in items.iter().enumerate() {
        if index == 0 {
            out.push(b',');
            push_string(out, key);
            out.extend_from_slice(b":[");
        } else {
            out.push(b',');
        }
        out.push(b'{');
        push(out, item);
        out.push(b'}');
    }
    if !items.is_empty() {
        out.push(b']');
    }
}
