//! A list as the text of a parameter: one value a line.

use std::error::Error;
use std::fmt;
use std::ops::Deref;
use std::str::FromStr;

/// Values, one a line. White space around them and empty lines do not count; an empty text is an empty list.
///
/// A Task has at most one array parameter; every other list comes in this form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lines<T>(Vec<T>);

/// Which line is wrong, and why.
#[derive(Debug)]
pub struct InvalidLine {
    line: usize,
    text: String,
    source: Box<dyn Error + Send + Sync>,
}

// === impl Lines ===

impl<T> Default for Lines<T> {
    fn default() -> Self {
        Lines(Vec::new())
    }
}

impl<T> Deref for Lines<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.0
    }
}

impl<T> FromStr for Lines<T>
where
    T: FromStr,
    T::Err: Into<Box<dyn Error + Send + Sync>>,
{
    type Err = InvalidLine;

    fn from_str(text: &str) -> Result<Self, InvalidLine> {
        let lines = text.lines().enumerate().map(|(number, line)| (number + 1, line.trim())).filter(|(_, line)| !line.is_empty());
        lines
            .map(|(line, text)| {
                text.parse().map_err(|error: T::Err| InvalidLine { line, text: text.to_owned(), source: error.into() })
            })
            .collect::<Result<_, _>>()
            .map(Lines)
    }
}

impl<T: fmt::Display> fmt::Display for Lines<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, value) in self.0.iter().enumerate() {
            write!(f, "{}{value}", if place > 0 { "\n" } else { "" })?;
        }
        Ok(())
    }
}

impl fmt::Display for InvalidLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, {:?}: {}", self.line, self.text, self.source)
    }
}

impl Error for InvalidLine {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists() {
        let numbers: Lines<u8> = " 1\r\n\n2 \n".parse().unwrap();
        assert_eq!(*numbers, [1, 2]);
        assert_eq!(numbers.to_string(), "1\n2");
        assert!("".parse::<Lines<u8>>().unwrap().is_empty());
        insta::assert_snapshot!("1\nx".parse::<Lines<u8>>().unwrap_err(), @r#"line 2, "x": invalid digit found in string"#);
    }
}
