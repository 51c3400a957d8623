//! The words of CEL.

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Token {
    Name(String),
    Literal(Type),
    Mark(&'static str),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Type {
    Bool,
    Int,
    Uint,
    Double,
    String,
    Bytes,
    Null,
    List(Box<Type>),
    Map,
    /// Anything: known when it is evaluated.
    Any,
}

const MARKS: [&str; 24] = [
    "==", "!=", "<=", ">=", "&&", "||", "<", ">", "+", "-", "*", "/", "%", "!", "?", ":", ".", ",", "(", ")", "[", "]", "{", "}",
];

pub(super) const KEYWORDS: [&str; 16] = [
    "as",
    "break",
    "const",
    "continue",
    "else",
    "for",
    "function",
    "if",
    "import",
    "let",
    "loop",
    "package",
    "namespace",
    "return",
    "var",
    "void",
];

pub(super) fn tokens(text: &str) -> Result<Vec<Token>, String> {
    let mut tokens = Vec::new();
    let mut rest = text;
    loop {
        rest = rest.trim_start_matches([' ', '\t', '\n', '\r', '\u{c}']);
        if let Some(comment) = rest.strip_prefix("//") {
            rest = comment.split_once('\n').map_or("", |(_, rest)| rest);
            continue;
        }
        let Some(first) = rest.chars().next() else { return Ok(tokens) };
        if let Some((type_, after)) = string(rest)? {
            tokens.push(Token::Literal(type_));
            rest = after;
        } else if first.is_ascii_digit() || first == '.' && rest[1..].starts_with(|c: char| c.is_ascii_digit()) {
            let (type_, after) = number(rest)?;
            tokens.push(Token::Literal(type_));
            rest = after;
        } else if first.is_ascii_alphabetic() || first == '_' {
            let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
            tokens.push(match &rest[..end] {
                "true" | "false" => Token::Literal(Type::Bool),
                "null" => Token::Literal(Type::Null),
                "in" => Token::Mark("in"),
                name => Token::Name(name.to_owned()),
            });
            rest = &rest[end..];
        } else {
            let mark = MARKS.iter().find(|mark| rest.starts_with(**mark));
            let mark = mark.ok_or_else(|| format!("{first:?} does not belong there"))?;
            tokens.push(Token::Mark(mark));
            rest = &rest[mark.len()..];
        }
    }
}

/// A string or bytes at the beginning of `text`, and what follows.
fn string(text: &str) -> Result<Option<(Type, &str)>, String> {
    let prefix = text.find(['"', '\'']).map_or("", |at| &text[..at]).to_ascii_lowercase();
    if !matches!(prefix.as_str(), "" | "r" | "b" | "br" | "rb") || !text[prefix.len()..].starts_with(['"', '\'']) {
        return Ok(None);
    }
    let type_ = if prefix.contains('b') { Type::Bytes } else { Type::String };
    let body = &text[prefix.len()..];
    let quote = ["\"\"\"", "'''", "\"", "'"].into_iter().find(|quote| body.starts_with(quote)).unwrap_or("'");
    let mut rest = &body[quote.len()..];
    loop {
        if let Some(after) = rest.strip_prefix(quote) {
            return Ok(Some((type_, after)));
        }
        let mut chars = rest.chars();
        match chars.next() {
            None => return Err("a string does not end".into()),
            Some('\n' | '\r') if quote.len() == 1 => return Err("a string does not end in its line".into()),
            Some('\\') if !prefix.contains('r') => rest = escape(chars.as_str())?,
            Some(_) => rest = chars.as_str(),
        }
    }
}

/// What follows an escape, of which `text` begins behind the backslash.
fn escape(text: &str) -> Result<&str, String> {
    let digits = |from: usize, count: usize, radix: u32| {
        let digits = text.get(from..from + count).filter(|digits| digits.chars().all(|c| c.is_digit(radix)));
        digits.map(|_| &text[from + count..]).ok_or_else(|| "an escape in a string is not complete".to_owned())
    };
    match text.chars().next() {
        Some('a' | 'b' | 'f' | 'n' | 'r' | 't' | 'v' | '\\' | '?' | '"' | '\'' | '`') => Ok(&text[1..]),
        Some('x' | 'X') => digits(1, 2, 16),
        Some('u') => digits(1, 4, 16),
        Some('U') => digits(1, 8, 16),
        Some('0'..='3') => digits(0, 3, 8),
        _ => Err("there is no such escape in a string".into()),
    }
}

/// A number at the beginning of `text`, and what follows.
fn number(text: &str) -> Result<(Type, &str), String> {
    let unsigned = |rest: &'_ str| rest.starts_with(['u', 'U']);
    if let Some(hex) = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        let end = hex.find(|c: char| !c.is_ascii_hexdigit()).unwrap_or(hex.len());
        let rest = &hex[end..];
        let fits = if unsigned(rest) {
            u64::from_str_radix(&hex[..end], 16).is_ok()
        } else {
            i64::from_str_radix(&hex[..end], 16).is_ok()
        };
        return match (fits, unsigned(rest)) {
            (false, _) => Err("a number is too large".into()),
            (true, true) => Ok((Type::Uint, &rest[1..])),
            (true, false) => Ok((Type::Int, rest)),
        };
    }
    let skip = |text: &str, from: usize| text[from..].find(|c: char| !c.is_ascii_digit()).map_or(text.len(), |at| from + at);
    let whole = skip(text, 0);
    let mut end = whole;
    if text[end..].starts_with('.') && text[end + 1..].starts_with(|c: char| c.is_ascii_digit()) {
        end = skip(text, end + 1);
    }
    if text[end..].starts_with(['e', 'E']) {
        let sign = usize::from(text[end + 1..].starts_with(['+', '-']));
        if text[end + 1 + sign..].starts_with(|c: char| c.is_ascii_digit()) {
            end = skip(text, end + 1 + sign);
        }
    }
    let rest = &text[end..];
    if end > whole {
        return Ok((Type::Double, rest));
    }
    let (type_, fits, rest) = match unsigned(rest) {
        true => (Type::Uint, text[..end].parse::<u64>().is_ok(), &rest[1..]),
        // One more than fits may stand behind a minus.
        false => (Type::Int, text[..end].parse::<u64>().is_ok_and(|number| number <= 1 << 63), rest),
    };
    if fits { Ok((type_, rest)) } else { Err("a number is too large".into()) }
}

impl std::fmt::Display for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Token::Name(name) => write!(f, "{name:?}"),
            Token::Mark(mark) => write!(f, "{mark:?}"),
            Token::Literal(_) => f.write_str("a value"),
        }
    }
}
