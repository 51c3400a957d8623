//! opm's types for the objects of a catalog and for the properties of a bundle.

use crate::decode::{Bool, Bytes, CheckedBytes, Int, List, OldInt, Text, TextMap, go_struct, set};
use serde::Deserialize;
use serde_json::value::RawValue;

/// Any JSON that is there, `null` too.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Json<'a>(pub(crate) &'a RawValue);

impl<'de: 'a, 'a> Deserialize<'de> for Json<'a> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        <&RawValue>::deserialize(deserializer).map(Json)
    }
}

go_struct! {
    /// What opm before 1.28 reads of every object.
    OldMeta<'a> as "declcfg.tmp" {
        schema: Text<'a> = "schema",
        package: Text<'a> = "package",
        properties: List<Property<'a>> = "properties",
    }
}

go_struct! {
    /// `olm.package`.
    Package<'a> as "declcfg.Package" {
        schema: Text<'a> = "schema",
        name: Text<'a> = "name",
        default_channel: Text<'a> = "defaultChannel",
        icon: Icon<'a> = "icon",
        description: Text<'a> = "description",
        properties: List<Property<'a>> = "properties",
    }
}

go_struct! {
    /// A package's icon.
    Icon<'a> as "declcfg.Icon" {
        data: CheckedBytes = "base64data",
        media_type: Text<'a> = "mediatype",
    }
}

go_struct! {
    /// `olm.channel`.
    Channel<'a> as "declcfg.Channel" {
        schema: Text<'a> = "schema",
        name: Text<'a> = "name",
        package: Text<'a> = "package",
        entries: List<ChannelEntry<'a>> = "entries",
        properties: List<Property<'a>> = "properties",
    }
}

go_struct! {
    /// A bundle's place in a channel.
    ChannelEntry<'a> as "declcfg.ChannelEntry" {
        name: Text<'a> = "name",
        replaces: Text<'a> = "replaces",
        skips: List<Text<'a>> = "skips",
        skip_range: Text<'a> = "skipRange",
    }
}

go_struct! {
    /// `olm.bundle`.
    Bundle<'a> as "declcfg.Bundle" {
        schema: Text<'a> = "schema",
        name: Text<'a> = "name",
        package: Text<'a> = "package",
        image: Text<'a> = "image",
        properties: List<Property<'a>> = "properties",
        related_images: List<RelatedImage<'a>> = "relatedImages",
    }
}

go_struct! {
    /// An image that a bundle needs.
    RelatedImage<'a> as "declcfg.RelatedImage" {
        name: Text<'a> = "name",
        image: Text<'a> = "image",
    }
}

go_struct! {
    /// `olm.deprecations`.
    Deprecations<'a> as "declcfg.Deprecation" {
        schema: Text<'a> = "schema",
        package: Text<'a> = "package",
        entries: List<DeprecationEntry<'a>> = "entries",
    }
}

go_struct! {
    /// What is deprecated, and why.
    DeprecationEntry<'a> as "declcfg.DeprecationEntry" {
        reference: Reference<'a> = "reference",
        message: Text<'a> = "message",
    }
}

go_struct! {
    /// A package, channel or bundle of the deprecation's package.
    Reference<'a> as "declcfg.PackageScopedReference" {
        schema: Text<'a> = "schema",
        name: Text<'a> = "name",
    }
}

/// A property. Its value is decoded by its type, which may come after it.
#[derive(Debug, Default)]
pub(crate) struct Property<'a> {
    pub(crate) kind: Text<'a>,
    /// `None` when there is none, which is not `null`.
    pub(crate) value: Option<&'a str>,
}

impl<'de: 'a, 'a> Deserialize<'de> for Property<'a> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct PropertyVisitor<'a>(std::marker::PhantomData<&'a ()>);

        impl<'de: 'a, 'a> serde::de::Visitor<'de> for PropertyVisitor<'a> {
            type Value = Property<'a>;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("property.Property")
            }

            fn visit_unit<E>(self) -> Result<Self::Value, E> {
                Ok(Property::default())
            }

            fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut property = Property::default();
                let (mut kind_key, mut value_key) = (None, None);
                while let Some(key) = map.next_key::<Text<'a>>()? {
                    if crate::gotext::same_field(&key, "value") {
                        let value = Some(map.next_value::<Json<'a>>()?.0.get());
                        set(&mut property.value, &mut value_key, key, Some(value));
                    } else if crate::gotext::same_field(&key, "type") {
                        let kind = map.next_value::<Option<Text<'a>>>()?;
                        set(&mut property.kind, &mut kind_key, key, kind);
                    } else {
                        map.next_value::<serde::de::IgnoredAny>()?;
                    }
                }
                Ok(property)
            }
        }

        deserializer.deserialize_any(PropertyVisitor(std::marker::PhantomData))
    }
}

// === Values of properties ===

go_struct! {
    /// `olm.package`: which version of which package a bundle is.
    PackageProperty<'a> as "property.Package" {
        package_name: Text<'a> = "packageName",
        version: Text<'a> = "version",
    }
}

go_struct! {
    /// `olm.package` as opm reads it since 1.62.
    ReleasedPackageProperty<'a> as "property.Package" {
        package_name: Text<'a> = "packageName",
        version: Text<'a> = "version",
        release: Text<'a> = "release",
    }
}

go_struct! {
    /// `olm.package.required`.
    PackageRequired<'a> as "property.PackageRequired" {
        package_name: Text<'a> = "packageName",
        version_range: Text<'a> = "versionRange",
    }
}

go_struct! {
    /// `olm.gvk` and `olm.gvk.required`.
    Gvk<'a> as "property.GVK" {
        group: Text<'a> = "group",
        kind: Text<'a> = "kind",
        version: Text<'a> = "version",
    }
}

go_struct! {
    /// `olm.channel`, which is internal to opm.
    ChannelProperty<'a> as "property.Channel" {
        channel_name: Text<'a> = "channelName",
        priority: Int<64> = "priority",
    }
}

go_struct! {
    /// `olm.channel` before 1.28.
    OldChannelProperty<'a> as "property.Channel" {
        channel_name: Text<'a> = "channelName",
        priority: OldInt = "priority",
    }
}

go_struct! {
    /// `olm.bundle.object`.
    BundleObject<'a> as "property.BundleObject" {
        data: Bytes<'a> = "data",
    }
}

go_struct! {
    /// `olm.bundle.object` before 1.28: data, or a file beside the catalog file.
    ReferringBundleObject<'a> as "property.fileJSON" {
        reference: Text<'a> = "ref",
        data: Bytes<'a> = "data",
    }
}

go_struct! {
    /// `olm.csv.metadata`: parts of a ClusterServiceVersion.
    CsvMetadata<'a> as "property.CSVMetadata" {
        annotations: TextMap = "annotations",
        api_services: ApiServices<'a> = "apiServiceDefinitions",
        crds: Crds<'a> = "crdDescriptions",
        description: Text<'a> = "description",
        display_name: Text<'a> = "displayName",
        install_modes: List<InstallMode<'a>> = "installModes",
        keywords: List<Text<'a>> = "keywords",
        labels: TextMap = "labels",
        links: List<Link<'a>> = "links",
        maintainers: List<Maintainer<'a>> = "maintainers",
        maturity: Text<'a> = "maturity",
        min_kube_version: Text<'a> = "minKubeVersion",
        native_apis: List<Gvk<'a>> = "nativeAPIs",
        provider: Link<'a> = "provider",
    }
}

go_struct! {
    /// API services of an operator.
    ApiServices<'a> as "v1alpha1.APIServiceDefinitions" {
        owned: List<ApiService<'a>> = "owned",
        required: List<ApiService<'a>> = "required",
    }
}

go_struct! {
    /// Custom resources of an operator.
    Crds<'a> as "v1alpha1.CustomResourceDefinitions" {
        owned: List<Crd<'a>> = "owned",
        required: List<Crd<'a>> = "required",
    }
}

go_struct! {
    /// One API service.
    ApiService<'a> as "v1alpha1.APIServiceDescription" {
        name: Text<'a> = "name",
        group: Text<'a> = "group",
        version: Text<'a> = "version",
        kind: Text<'a> = "kind",
        deployment_name: Text<'a> = "deploymentName",
        container_port: Int<32> = "containerPort",
        display_name: Text<'a> = "displayName",
        description: Text<'a> = "description",
        resources: List<Resource<'a>> = "resources",
        status: List<Descriptor<'a>> = "statusDescriptors",
        spec: List<Descriptor<'a>> = "specDescriptors",
        actions: List<Descriptor<'a>> = "actionDescriptors",
    }
}

go_struct! {
    /// One kind of custom resource.
    Crd<'a> as "v1alpha1.CRDDescription" {
        name: Text<'a> = "name",
        version: Text<'a> = "version",
        kind: Text<'a> = "kind",
        display_name: Text<'a> = "displayName",
        description: Text<'a> = "description",
        resources: List<Resource<'a>> = "resources",
        status: List<Descriptor<'a>> = "statusDescriptors",
        spec: List<Descriptor<'a>> = "specDescriptors",
        actions: List<Descriptor<'a>> = "actionDescriptors",
    }
}

go_struct! {
    /// A kind that a custom resource makes use of.
    Resource<'a> as "v1alpha1.APIResourceReference" {
        name: Text<'a> = "name",
        kind: Text<'a> = "kind",
        version: Text<'a> = "version",
    }
}

go_struct! {
    /// A field of a custom resource, for user interfaces.
    Descriptor<'a> as "v1alpha1.SpecDescriptor" {
        path: Text<'a> = "path",
        display_name: Text<'a> = "displayName",
        description: Text<'a> = "description",
        x_descriptors: List<Text<'a>> = "x-descriptors",
    }
}

go_struct! {
    /// Whether an operator can watch these namespaces.
    InstallMode<'a> as "v1alpha1.InstallMode" {
        kind: Text<'a> = "type",
        supported: Bool = "supported",
    }
}

go_struct! {
    /// A link.
    Link<'a> as "v1alpha1.AppLink" {
        name: Text<'a> = "name",
        url: Text<'a> = "url",
    }
}

go_struct! {
    /// Who maintains an operator.
    Maintainer<'a> as "v1alpha1.Maintainer" {
        name: Text<'a> = "name",
        email: Text<'a> = "email",
    }
}
