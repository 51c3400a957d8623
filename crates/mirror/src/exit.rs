//! What oc-mirror's exit code says. (openshift/oc-mirror, v2: a bit for each kind of what could not be mirrored.)

use step::{Error, Kind};

/// What could not be mirrored, by bit.
const PARTS: [(i64, &str); 4] = [(2, "release images"), (4, "operators"), (8, "additional images"), (16, "helm charts")];

/// All bits.
const ALL: i64 = 1 | 2 | 4 | 8 | 16;

/// Killed by the kernel, or by a signal that cannot be refused.
const KILLED: i64 = 137;
/// Told to end.
const TERMINATED: i64 = 143;

/// Why a container of oc-mirror failed; `reason` is what Kubernetes says.
pub(crate) fn failure(code: i64, reason: &str) -> Error {
    match code {
        _ if reason == "OOMKilled" => {
            Error::new(Kind::Remote, "oc-mirror ran out of memory").hint("raise memory-limit: large catalogs take several GiB")
        }
        KILLED | TERMINATED => {
            let error = Error::new(Kind::Remote, format!("oc-mirror was ended from outside (exit code {code}, {reason})"));
            error.hint("its node was drained or ran out of something; run again")
        }
        1 => {
            let error =
                Error::bad_input("oc-mirror could not do its work (exit code 1): its configuration, its credentials or its disk");
            error.hint("the last lines of its log say which")
        }
        126..=128 => {
            let error = Error::bad_input(format!("oc-mirror could not be started (exit code {code}, {reason})"));
            error.hint("the image must have `oc-mirror` in its PATH")
        }
        _ if code & !ALL == 0 && code != 0 => {
            let mut parts: Vec<&str> = PARTS.iter().filter(|(bit, _)| code & bit != 0).map(|(_, part)| *part).collect();
            if code & 1 != 0 {
                parts.push("something else");
            }
            let message = format!("oc-mirror could not mirror everything: {} failed (exit code {code})", parts.join(", "));
            Error::new(Kind::Remote, message).hint(
                "working-dir/logs/mirroring_errors_*.txt on the volume lists them; run again when they can be had, or take them out of \
                 the ImageSetConfiguration",
            )
        }
        _ => Error::new(Kind::Remote, format!("oc-mirror failed with exit code {code}, {reason}"))
            .hint("the last lines of its log say why"),
    }
}

/// Some releases of 4.18 tell of errors and exit 0. (openshift/oc-mirror#1153.)
pub(crate) fn tells_of_errors(line: &str) -> bool {
    line.contains("mirroring_errors_")
}

/// What that means.
pub(crate) fn silent_failure() -> Error {
    Error::new(Kind::Remote, "oc-mirror exits 0, and its log tells of images that it could not mirror")
        .hint("releases of 4.18 before the mend of openshift/oc-mirror#1153 do that: see the log, and use a newer oc-mirror")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_bit_is_told() {
        let told: Vec<String> = [1, 2, 4, 8, 16, 20, 31, 3, 127, 137, 143, 255]
            .into_iter()
            .map(|code| (code, "Error"))
            .chain([(137, "OOMKilled")])
            .map(|(code, reason)| {
                let error = failure(code, reason);
                format!("{code} -> {}: {error}", error.kind().code())
            })
            .collect();
        insta::assert_snapshot!(told.join("\n"), @"
        1 -> 3: oc-mirror could not do its work (exit code 1): its configuration, its credentials or its disk
        2 -> 7: oc-mirror could not mirror everything: release images failed (exit code 2)
        4 -> 7: oc-mirror could not mirror everything: operators failed (exit code 4)
        8 -> 7: oc-mirror could not mirror everything: additional images failed (exit code 8)
        16 -> 7: oc-mirror could not mirror everything: helm charts failed (exit code 16)
        20 -> 7: oc-mirror could not mirror everything: operators, helm charts failed (exit code 20)
        31 -> 7: oc-mirror could not mirror everything: release images, operators, additional images, helm charts, something else failed (exit code 31)
        3 -> 7: oc-mirror could not mirror everything: release images, something else failed (exit code 3)
        127 -> 3: oc-mirror could not be started (exit code 127, Error)
        137 -> 7: oc-mirror was ended from outside (exit code 137, Error)
        143 -> 7: oc-mirror was ended from outside (exit code 143, Error)
        255 -> 7: oc-mirror failed with exit code 255, Error
        137 -> 7: oc-mirror ran out of memory
        ");
    }
}
