//! CEL, as far as an expression can be told to be wrong before its variables have values: its grammar, its names, and its
//! types where they are certain. What is not certain is taken for right.

use super::when_cel_tokens::{KEYWORDS, Token, Type, tokens};

/// Says why a text is no expression.
pub(super) fn check(text: &str) -> Result<(), String> {
    let tokens = tokens(text)?;
    let mut parser = Parser { tokens: &tokens, at: 0, locals: Vec::new(), depth: 0 };
    parser.expression()?;
    match parser.peek() {
        None => Ok(()),
        Some(token) => Err(format!("{token} does not belong there")),
    }
}

struct Parser<'t> {
    tokens: &'t [Token],
    at: usize,
    /// Names that macros such as `all` bring.
    locals: Vec<String>,
    depth: usize,
}

/// Deeper nesting is not looked into.
const MAX_DEPTH: usize = 50;

impl Parser<'_> {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at)
    }

    fn eat(&mut self, mark: &str) -> bool {
        let found = matches!(self.peek(), Some(Token::Mark(found)) if *found == mark);
        self.at += usize::from(found);
        found
    }

    fn expect(&mut self, mark: &str) -> Result<(), String> {
        if self.eat(mark) { Ok(()) } else { Err(format!("{mark:?} is missing before {}", self.shown())) }
    }

    fn shown(&self) -> String {
        self.peek().map_or("the end".to_owned(), Token::to_string)
    }

    fn any_of(&mut self, marks: &[&'static str]) -> Option<&'static str> {
        marks.iter().find(|mark| self.eat(mark)).copied()
    }

    fn expression(&mut self) -> Result<Type, String> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err("it is nested too deep".into());
        }
        let first = self.or()?;
        let type_ = if self.eat("?") {
            wants("?", &first, Type::Bool)?;
            let then = self.or()?;
            self.expect(":")?;
            let otherwise = self.expression()?;
            same("?:", &then, &otherwise)?;
            if then == Type::Any { otherwise } else { then }
        } else {
            first
        };
        self.depth -= 1;
        Ok(type_)
    }

    fn or(&mut self) -> Result<Type, String> {
        self.logic("||", Self::and)
    }

    fn and(&mut self) -> Result<Type, String> {
        self.logic("&&", Self::relation)
    }

    fn logic(&mut self, mark: &str, next: fn(&mut Self) -> Result<Type, String>) -> Result<Type, String> {
        let mut left = next(self)?;
        while self.eat(mark) {
            let right = next(self)?;
            wants(mark, &left, Type::Bool)?;
            wants(mark, &right, Type::Bool)?;
            left = Type::Bool;
        }
        Ok(left)
    }

    fn relation(&mut self) -> Result<Type, String> {
        let mut left = self.sum()?;
        while let Some(mark) = self.any_of(&["==", "!=", "<=", ">=", "<", ">", "in"]) {
            let right = self.sum()?;
            match mark {
                "in" if matches!(&right, Type::List(items) if !fits(items, &left)) => {
                    return Err("the list behind `in` has values of another type".into());
                }
                "in" if !matches!(right, Type::List(_) | Type::Map | Type::Any) => {
                    return Err("what stands behind `in` has to be a list".into());
                }
                "in" => {}
                // Only wrappers can be null, and there are none here; null and null are the same.
                "==" | "!=" => same(mark, &left, &right)?,
                _ => {
                    same(mark, &left, &right)?;
                    if [&left, &right].iter().any(|type_| matches!(type_, Type::List(_) | Type::Map | Type::Null)) {
                        return Err(format!("{mark} does not compare such values"));
                    }
                }
            }
            left = Type::Bool;
        }
        Ok(left)
    }

    fn sum(&mut self) -> Result<Type, String> {
        let mut left = self.product()?;
        while let Some(mark) = self.any_of(&["+", "-"]) {
            let right = self.product()?;
            let takes: fn(&Type) -> bool = match mark {
                "+" => |type_| !matches!(type_, Type::Bool | Type::Null | Type::Map),
                _ => |type_| matches!(type_, Type::Int | Type::Uint | Type::Double | Type::Any),
            };
            left = arithmetic(mark, left, right, takes)?;
        }
        Ok(left)
    }

    fn product(&mut self) -> Result<Type, String> {
        let mut left = self.unary()?;
        while let Some(mark) = self.any_of(&["*", "/", "%"]) {
            let right = self.unary()?;
            let takes: fn(&Type) -> bool = match mark {
                "%" => |type_| matches!(type_, Type::Int | Type::Uint | Type::Any),
                _ => |type_| matches!(type_, Type::Int | Type::Uint | Type::Double | Type::Any),
            };
            left = arithmetic(mark, left, right, takes)?;
        }
        Ok(left)
    }

    fn unary(&mut self) -> Result<Type, String> {
        if self.eat("!") {
            while self.eat("!") {}
            let type_ = self.member()?;
            wants("!", &type_, Type::Bool)?;
            return Ok(Type::Bool);
        }
        if self.eat("-") {
            while self.eat("-") {}
            let type_ = self.member()?;
            let is_number = matches!(type_, Type::Int | Type::Double | Type::Any);
            return if is_number { Ok(type_) } else { Err("- wants a number".into()) };
        }
        self.member()
    }

    fn member(&mut self) -> Result<Type, String> {
        let mut type_ = self.primary()?;
        loop {
            if self.eat(".") {
                let Some(Token::Name(name)) = self.peek().cloned() else {
                    return Err(format!("a name is missing before {}", self.shown()));
                };
                self.at += 1;
                type_ = if self.eat("(") { self.method(&type_, &name)? } else { field(&type_, &name)? };
            } else if self.eat("[") {
                let index = self.expression()?;
                self.expect("]")?;
                type_ = match type_ {
                    Type::List(_) if !matches!(index, Type::Int | Type::Uint | Type::Double | Type::Any) => {
                        return Err("the index of a list is a number".into());
                    }
                    Type::List(items) => *items,
                    Type::Map | Type::Any => Type::Any,
                    _ => return Err("only lists and maps have indexes".into()),
                };
            } else if type_ == Type::Any && self.is_message() {
                self.fields()?;
            } else {
                return Ok(type_);
            }
        }
    }

    /// Whether `{` follows the name of a message, as in `google.protobuf.Duration{seconds: 1}`.
    fn is_message(&self) -> bool {
        let is_name = matches!(self.at.checked_sub(1).and_then(|at| self.tokens.get(at)), Some(Token::Name(_)));
        is_name && self.peek() == Some(&Token::Mark("{"))
    }

    fn fields(&mut self) -> Result<(), String> {
        self.expect("{")?;
        while !self.eat("}") {
            match self.peek() {
                Some(Token::Name(_)) => self.at += 1,
                _ => return Err(format!("a field is missing before {}", self.shown())),
            }
            self.expect(":")?;
            self.expression()?;
            if !self.eat(",") {
                return self.expect("}");
            }
        }
        Ok(())
    }

    fn primary(&mut self) -> Result<Type, String> {
        self.eat(".");
        match self.peek().cloned() {
            Some(Token::Literal(type_)) => {
                self.at += 1;
                Ok(type_)
            }
            Some(Token::Name(name)) => {
                self.at += 1;
                if self.eat("(") { self.function(&name) } else { self.name(&name) }
            }
            Some(Token::Mark("(")) => {
                self.at += 1;
                let type_ = self.expression()?;
                self.expect(")")?;
                Ok(type_)
            }
            Some(Token::Mark("[")) => {
                self.at += 1;
                let mut items: Option<Type> = None;
                while !self.eat("]") {
                    let item = self.expression()?;
                    items = Some(items.map_or(item.clone(), |items| if items == item { items } else { Type::Any }));
                    if !self.eat(",") {
                        self.expect("]")?;
                        break;
                    }
                }
                Ok(Type::List(Box::new(items.unwrap_or(Type::Any))))
            }
            Some(Token::Mark("{")) => {
                self.at += 1;
                while !self.eat("}") {
                    self.expression()?;
                    self.expect(":")?;
                    self.expression()?;
                    if !self.eat(",") {
                        self.expect("}")?;
                        break;
                    }
                }
                Ok(Type::Map)
            }
            _ => Err(format!("a value is missing before {}", self.shown())),
        }
    }

    fn name(&self, name: &str) -> Result<Type, String> {
        let types = ["bool", "bytes", "double", "int", "list", "map", "null_type", "string", "type", "uint", "google"];
        if types.contains(&name) || self.locals.iter().any(|local| local == name) {
            Ok(Type::Any)
        } else if KEYWORDS.contains(&name) {
            Err(format!("{name:?} is reserved"))
        } else {
            Err(format!("it knows no {name:?}; a string stands in quotes"))
        }
    }

    fn arguments(&mut self) -> Result<Vec<Type>, String> {
        let mut types = Vec::new();
        if self.eat(")") {
            return Ok(types);
        }
        loop {
            types.push(self.expression()?);
            if !self.eat(",") {
                self.expect(")")?;
                return Ok(types);
            }
        }
    }

    fn function(&mut self, name: &str) -> Result<Type, String> {
        let arguments = self.arguments()?;
        let one = |type_: Type| if arguments.len() == 1 { Ok(type_) } else { Err(format!("{name} wants one value")) };
        match name {
            "size" => match arguments.first() {
                Some(Type::Bool | Type::Int | Type::Uint | Type::Double | Type::Null) => {
                    Err("size wants a string, bytes, a list or a map".into())
                }
                _ => one(Type::Int),
            },
            "int" => one(Type::Int),
            "uint" => one(Type::Uint),
            "double" => one(Type::Double),
            "string" => one(Type::String),
            "bytes" => one(Type::Bytes),
            // The one macro that is written like a function.
            "bool" | "has" => one(Type::Bool),
            "matches" if arguments.len() == 2 => Ok(Type::Bool),
            "dyn" | "type" | "duration" | "timestamp" => one(Type::Any),
            _ => Err(format!("there is no function {name:?}")),
        }
    }

    fn method(&mut self, on: &Type, name: &str) -> Result<Type, String> {
        if matches!(name, "all" | "exists" | "exists_one" | "map" | "filter") {
            return self.comprehension(on, name);
        }
        let arguments = self.arguments()?;
        let count = |wanted: usize, type_: Type| {
            if arguments.len() == wanted { Ok(type_) } else { Err(format!("{name} wants {wanted} values")) }
        };
        match name {
            "contains" | "startsWith" | "endsWith" | "matches" => {
                let mut strings = std::iter::once(on).chain(&arguments);
                if strings.any(|type_| !matches!(type_, Type::String | Type::Any)) {
                    return Err(format!("{name} wants strings"));
                }
                count(1, Type::Bool)
            }
            "size" if matches!(on, Type::Bool | Type::Int | Type::Uint | Type::Double | Type::Null) => {
                Err("size wants a string, bytes, a list or a map".into())
            }
            "size" => count(0, Type::Int),
            _ if name.starts_with("get") && *on == Type::Any => Ok(Type::Int),
            _ => Err(format!("there is no function {name:?}")),
        }
    }

    /// `list.all(name, expression)` and its like.
    fn comprehension(&mut self, on: &Type, macro_: &str) -> Result<Type, String> {
        let Some(Token::Name(name)) = self.peek().cloned() else { return Err(format!("{macro_} wants a name first")) };
        if !matches!(on, Type::List(_) | Type::Map | Type::Any) {
            return Err(format!("{macro_} wants a list"));
        }
        self.at += 1;
        self.expect(",")?;
        self.locals.push(name);
        let arguments = self.arguments()?;
        self.locals.pop();
        let is_good = arguments.len() == 1 || macro_ == "map" && arguments.len() == 2;
        if !is_good {
            return Err(format!("{macro_} wants a name and an expression"));
        }
        if macro_ == "map" || macro_ == "filter" {
            return Ok(Type::List(Box::new(Type::Any)));
        }
        wants(macro_, &arguments[0], Type::Bool)?;
        Ok(Type::Bool)
    }
}

fn field(on: &Type, name: &str) -> Result<Type, String> {
    match on {
        Type::Map | Type::Any => Ok(Type::Any),
        _ => Err(format!("nothing has a field {name:?} there")),
    }
}

fn wants(mark: &str, found: &Type, wanted: Type) -> Result<(), String> {
    if *found == wanted || *found == Type::Any { Ok(()) } else { Err(format!("{mark} wants true or false")) }
}

fn same(mark: &str, left: &Type, right: &Type) -> Result<(), String> {
    if fits(left, right) { Ok(()) } else { Err(format!("{mark} wants values of one type")) }
}

fn fits(left: &Type, right: &Type) -> bool {
    match (left, right) {
        (Type::Any, _) | (_, Type::Any) => true,
        (Type::List(left), Type::List(right)) => fits(left, right),
        _ => left == right,
    }
}

fn arithmetic(mark: &str, left: Type, right: Type, takes: fn(&Type) -> bool) -> Result<Type, String> {
    same(mark, &left, &right)?;
    if !takes(&left) || !takes(&right) {
        return Err(format!("{mark} does not take such values"));
    }
    Ok(if left == Type::Any { right } else { left })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_conditions_say() {
        for text in [
            "'$(params.mode)' == 'fast'",
            "'a' in ['a', 'b'] && !('c' in ['$(params.x)'])",
            "'$(tasks.t.results.r)'.matches('^v[0-9]+$') || size('x') > 2",
            "int('$(params.n)') % 2 == 0 ? true : false",
            "['a', 'b'].exists(x, x.startsWith('a'))",
            "{'a': 1}['a'] == 1 && has({'a': 1}.a)",
            "duration('1h') < duration('2h')",
            "b'x' != br'\\' // bytes",
            "1u + 2u == 3u && 0x1F > -1 && 1.5e3 > .5",
        ] {
            assert_eq!(check(text), Ok(()), "{text}");
        }
        let errors: Vec<_> = [
            "$(params.x) == 'y'",
            "params.x == 'y'",
            "1 == 'a'",
            "size(",
            "",
            "'a' = 'b'",
            "'a' 'b'",
            "'a",
            "1 in ['a']",
            "['a']['0']",
            "'a' && true",
            "nope('a')",
            "[1].all(1, true)",
            "99999999999999999999 > 1",
        ]
        .map(|text| format!("{text}: {}", check(text).unwrap_err()))
        .into();
        insta::assert_snapshot!(errors.join("\n"), @r##"
        $(params.x) == 'y': '$' does not belong there
        params.x == 'y': it knows no "params"; a string stands in quotes
        1 == 'a': == wants values of one type
        size(: a value is missing before the end
        : a value is missing before the end
        'a' = 'b': '=' does not belong there
        'a' 'b': a value does not belong there
        'a: a string does not end
        1 in ['a']: the list behind `in` has values of another type
        ['a']['0']: the index of a list is a number
        'a' && true: && wants true or false
        nope('a'): there is no function "nope"
        [1].all(1, true): all wants a name first
        99999999999999999999 > 1: a number is too large
        "##);
    }
}
