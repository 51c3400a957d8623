//! Names that cannot be wrong: channels, catalog sources, objects of the cluster.
//!
//! All refuse `$`: kubelet and Tekton expand `$(…)` in what they pass on.

use std::fmt;
use std::str::FromStr;

/// The longest of these names, in bytes: that of a DNS subdomain.
const LONGEST: usize = 253;

/// Why a text is not the name it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidName(&'static str);

impl fmt::Display for InvalidName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for InvalidName {}

macro_rules! name {
    ($(#[$meta:meta])* $name:ident, $check:ident) => {
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(String);

        impl $name {
            /// The name.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = InvalidName;

            fn from_str(text: &str) -> Result<Self, InvalidName> {
                $check(text).map(|()| $name(text.to_owned())).map_err(InvalidName)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

name! {
    /// An operator's channel: `stable-4.18`, `v1.0.x`. Letters, digits and `.`, `_`, `+`, `-` after the first.
    ChannelName, channel
}

name! {
    /// An object of the cluster: a ConfigMap, a CatalogSource. A DNS subdomain.
    ObjectName, subdomain
}

fn channel(text: &str) -> Result<(), &'static str> {
    if text.is_empty() || text.len() > LONGEST {
        return Err("it is empty or longer than 253 characters");
    }
    if !text.starts_with(|c: char| c.is_ascii_alphanumeric()) {
        return Err("it must start with a letter or a digit");
    }
    if !text.chars().all(|c| c.is_ascii_alphanumeric() || "._+-".contains(c)) {
        return Err("it may hold only letters, digits, `.`, `_`, `+` and `-`");
    }
    Ok(())
}

fn subdomain(text: &str) -> Result<(), &'static str> {
    if text.is_empty() || text.len() > LONGEST {
        return Err("it is empty or longer than 253 characters");
    }
    let good = |part: &str| {
        !part.is_empty()
            && !part.starts_with('-')
            && !part.ends_with('-')
            && part.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
    };
    if !text.split('.').all(good) {
        return Err("it may hold only a-z, 0-9, `.` and `-`, and each part starts and ends with a-z or 0-9");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        for good in ["stable-4.18", "v1.0.x", "4.12", "a_b", "release+1"] {
            assert_eq!(good.parse::<ChannelName>().unwrap().as_str(), good);
        }
        for bad in ["", "-a", "a b", "a\r", "$(x)", "a$", "ä", "a/b", &"a".repeat(254)] {
            assert!(bad.parse::<ChannelName>().is_err(), "{bad:?}");
            assert!(bad.parse::<ObjectName>().is_err(), "{bad:?}");
        }
        for bad in ["A", "a..b", "a-.b", "a_b", "."] {
            assert!(bad.parse::<ObjectName>().is_err(), "{bad:?}");
        }
        assert!("my-catalog.x1".parse::<ObjectName>().is_ok());
    }
}
