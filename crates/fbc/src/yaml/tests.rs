//! YAML to JSON, compared with what sigs.k8s.io/yaml makes of the same text.
use super::*;
#[test]
fn fuzzcases() {
    let Ok(text) = std::fs::read_to_string("/tmp/goref/yaml.jsonl") else { return };
    let mut bad = std::collections::BTreeMap::<String, Vec<String>>::new();
    let mut n = 0;
    for line in text.lines() {
        let [doc, json, err]: [String; 3] = serde_json::from_str(line).unwrap();
        n += 1;
        let mut out = Vec::new();
        let r = to_json(doc.as_bytes(), &Limits::default(), &mut out);
        match (r, err.as_str()) {
            (Ok(()), "") => {
                let a: serde_json::Value = serde_json::from_slice(&out).unwrap();
                let b: serde_json::Value = serde_json::from_str(&json).unwrap();
                let (mut x, mut y) = (Vec::new(), Vec::new());
                crate::gotext::write_json(&mut x, &a);
                crate::gotext::write_json(&mut y, &b);
                if x != y {
                    bad.entry("VALUE".into())
                        .or_default()
                        .push(format!("{doc:?} go {json} ours {}", String::from_utf8_lossy(&out)));
                }
            }
            (Err(_), e) if !e.is_empty() => {}
            (Ok(()), e) => bad
                .entry(format!("go err: {}", e.split("line").next().unwrap()))
                .or_default()
                .push(format!("{doc:?} {e} ours {}", String::from_utf8_lossy(&out))),
            (Err(f), _) => bad
                .entry(format!("our err {}", f.message.split(':').last().unwrap()))
                .or_default()
                .push(format!("{doc:?} go {json} ours {}", f.message)),
        }
    }
    println!("{n} cases");
    for (k, v) in bad {
        println!("== {k}: {}", v.len());
        for x in v.iter().take(8) {
            println!("   {}", x.chars().take(300).collect::<String>());
        }
    }
}
