//! YAML to JSON, compared with what sigs.k8s.io/yaml makes of the same text.
