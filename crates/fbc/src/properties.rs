//! A bundle's properties: decoded by their type, and the bundle objects among them looked into.

use serde::Deserialize;

use crate::base64;
use crate::decode::{Bytes, parse};
use crate::gotext::Quoted;
use crate::opm::OpmVersion;
use crate::schema::{
    BundleObject, ChannelProperty, CsvMetadata, Gvk, OldChannelProperty, PackageProperty, PackageRequired, Property,
    ReferringBundleObject, ReleasedPackageProperty,
};
use crate::tree::Limits;
use crate::yaml::{self, YamlFault};

const BUNDLE_OBJECT: &str = "olm.bundle.object";

/// An `olm.package` property.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct PackageVersion {
    pub(crate) package: String,
    pub(crate) version: String,
    pub(crate) release: String,
}

/// What is kept of a bundle's properties.
#[derive(Debug)]
pub(crate) struct Properties {
    /// The `olm.package` properties; the error is opm's, which it finds when it converts the catalog.
    pub(crate) packages: Result<Vec<PackageVersion>, String>,
    pub(crate) has_objects: bool,
}

/// Why properties cannot be read at all.
pub(crate) struct PropertyFault {
    pub(crate) message: String,
    pub(crate) limit: bool,
}

/// Reads properties. Holds the buffers that bundle objects are decoded into, one after the other.
pub(crate) struct Reader<'a> {
    pub(crate) opm: OpmVersion,
    pub(crate) limits: &'a Limits,
    object: Vec<u8>,
    json: Vec<u8>,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(opm: OpmVersion, limits: &'a Limits) -> Self {
        Reader { opm, limits, object: Vec::new(), json: Vec::new() }
    }

    /// Reads a bundle's properties. `reference` gives the bytes of a file beside the catalog file, for opm before 1.28.
    pub(crate) fn read(
        &mut self,
        properties: &[Property<'_>],
        reference: &dyn Fn(&str) -> Result<Vec<u8>, String>,
    ) -> Result<Properties, PropertyFault> {
        let has_objects = properties.iter().any(|property| &*property.kind == BUNDLE_OBJECT);
        if self.opm < OpmVersion::FOLDED_KEYS {
            let packages =
                self.parse_all(properties).map_err(|fault| PropertyFault::from(format!("parse properties: {fault}")))?;
            self.read_old_objects(properties, reference)?;
            return Ok(Properties { packages: Ok(packages), has_objects });
        }
        for (i, property) in properties.iter().enumerate().filter(|(_, property)| &*property.kind == BUNDLE_OBJECT) {
            let object: Result<BundleObject<'_>, _> = value(property);
            object
                .and_then(|object| decode(object.data, &mut self.object))
                .map_err(|fault| PropertyFault::from(format!("parse property at index {i} as bundle object: {fault}")))?;
            self.check_object().map_err(|fault| PropertyFault {
                message: format!("convert bundle object property at index {i} to JSON: {}", fault.message),
                limit: fault.limit,
            })?;
        }
        Ok(Properties { packages: self.parse_all(properties), has_objects })
    }

    /// opm's `property.Parse`: each value must be what its type says.
    fn parse_all(&mut self, properties: &[Property<'_>]) -> Result<Vec<PackageVersion>, String> {
        let mut packages = Vec::new();
        for (i, property) in properties.iter().enumerate() {
            self.parse_one(property, &mut packages)
                .map_err(|fault| format!("parse property[{i}] of type {}: {fault}", Quoted(&*property.kind)))?;
        }
        Ok(packages)
    }

    fn parse_one(&mut self, property: &Property<'_>, packages: &mut Vec<PackageVersion>) -> Result<(), String> {
        match &*property.kind {
            "olm.package" if self.opm >= OpmVersion::RELEASES => {
                let found: ReleasedPackageProperty<'_> = value(property)?;
                packages.push(PackageVersion {
                    package: found.package_name.to_string(),
                    version: found.version.to_string(),
                    release: found.release.to_string(),
                });
            }
            "olm.package" => {
                let found: PackageProperty<'_> = value(property)?;
                let (package, version) = (found.package_name.to_string(), found.version.to_string());
                packages.push(PackageVersion { package, version, release: String::new() });
            }
            "olm.package.required" => drop(value::<PackageRequired<'_>>(property)?),
            "olm.gvk" | "olm.gvk.required" => drop(value::<Gvk<'_>>(property)?),
            "olm.channel" if self.opm < OpmVersion::FOLDED_KEYS => drop(value::<OldChannelProperty<'_>>(property)?),
            "olm.channel" => drop(value::<ChannelProperty<'_>>(property)?),
            "olm.csv.metadata" if self.opm >= OpmVersion::FOLDED_KEYS => drop(value::<CsvMetadata<'_>>(property)?),
            // Newer opm has decoded these already.
            BUNDLE_OBJECT if self.opm < OpmVersion::FOLDED_KEYS => {
                let object: ReferringBundleObject<'_> = value(property)?;
                decode(object.data, &mut self.object)?;
                if !object.reference.is_empty() && !self.object.is_empty() {
                    return Err("fields 'ref' and 'data' are mutually exclusive".into());
                }
            }
            _ => drop(some_value(property)?),
        }
        Ok(())
    }

    fn read_old_objects(
        &mut self,
        properties: &[Property<'_>],
        reference: &dyn Fn(&str) -> Result<Vec<u8>, String>,
    ) -> Result<(), PropertyFault> {
        for (i, property) in properties.iter().filter(|property| &*property.kind == BUNDLE_OBJECT).enumerate() {
            let object: ReferringBundleObject<'_> = value(property)?;
            let id = if object.reference.is_empty() { format!("[{i}]") } else { format!(" {}", Quoted(&*object.reference)) };
            if object.reference.is_empty() {
                decode(object.data, &mut self.object)?;
            } else {
                self.object = reference(&object.reference)
                    .map_err(|fault| PropertyFault::from(format!("get data for bundle object{id}: {fault}")))?;
            }
            self.check_object().map_err(|fault| PropertyFault {
                message: format!("convert object{id} to JSON: {}", fault.message),
                limit: fault.limit,
            })?;
        }
        Ok(())
    }

    /// Whether the object is YAML. One that starts like JSON is not looked at: opm passes it on as it is, and where it is
    /// no JSON, opm only fails to find the ClusterServiceVersion, which does not make a catalog invalid.
    fn check_object(&mut self) -> Result<(), YamlFault> {
        let text = String::from_utf8_lossy(&self.object[..self.object.len().min(256)]);
        let starts_like_json = match text.trim_start().chars().next() {
            Some(c) => c == '{',
            None => String::from_utf8_lossy(&self.object).trim_start().starts_with('{'),
        };
        if starts_like_json {
            return Ok(());
        }
        self.json.clear();
        yaml::to_json(&self.object, self.limits, &mut self.json)
    }
}

fn decode(data: Bytes<'_>, out: &mut Vec<u8>) -> Result<(), String> {
    match data {
        Bytes::Base64(text) => base64::decode(&text, out),
        Bytes::Raw(bytes) => {
            *out = bytes;
            Ok(())
        }
    }
}

fn some_value<'a>(property: &Property<'a>) -> Result<&'a str, String> {
    property.value.ok_or_else(|| "unexpected end of JSON input".into())
}

fn value<'a, T: Deserialize<'a>>(property: &Property<'a>) -> Result<T, String> {
    parse(some_value(property)?)
}

impl From<String> for PropertyFault {
    fn from(message: String) -> Self {
        PropertyFault { message, limit: false }
    }
}
