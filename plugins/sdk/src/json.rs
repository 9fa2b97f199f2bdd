//! Settings as JSON, read into values.
//!
//! Every plugin carries this, and a library for all that can be done with JSON would be a quarter of a plugin. What is read here was
//! written by the host, and is a few settings long; a test compares it with such a library.

use std::str::Chars;

/// A value of JSON.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// `null`.
    Null,
    /// `true` or `false`.
    Flag(bool),
    /// A number as it was written: what it becomes is for whoever needs it to say.
    Number(String),
    /// A text.
    Text(String),
    /// A list.
    List(Vec<Value>),
    /// Names with their values, in the order in which they were written.
    Object(Vec<(String, Value)>),
}

impl Value {
    /// The value of a name, the last one if it is there more than once; nothing in what is no object.
    pub fn get(&self, name: &str) -> Option<&Value> {
        match self {
            Value::Object(fields) => {
                fields.iter().rev().find(|(field, _)| field == name).map(|(_, value)| value)
            }
            _ => None,
        }
    }

    /// A whole number that is not below zero.
    pub fn as_u64(&self) -> Option<u64> {
        match self {
            Value::Number(text) => number(text),
            _ => None,
        }
    }
}

/// So deep may lists and objects stand in each other: reading them takes stack.
const DEPTH_MAX: u32 = 64;

/// Reads a text that is one value and nothing else.
pub(crate) fn read(text: &str) -> Option<Value> {
    let mut reader = Reader { rest: text.chars() };
    let value = reader.value(DEPTH_MAX)?;
    reader.peek().is_none().then_some(value)
}

struct Reader<'a> {
    rest: Chars<'a>,
}

impl Reader<'_> {
    /// Goes past space, and tells what comes next.
    fn peek(&mut self) -> Option<char> {
        loop {
            let mut after = self.rest.clone();
            match after.next()? {
                ' ' | '\t' | '\n' | '\r' => self.rest = after,
                c => return Some(c),
            }
        }
    }

    /// Goes past space and a character, if it is this one.
    fn take(&mut self, c: char) -> Option<()> {
        (self.peek()? == c).then_some(())?;
        self.rest.next().map(|_| ())
    }

    fn value(&mut self, depth: u32) -> Option<Value> {
        let depth = depth.checked_sub(1)?;
        match self.peek()? {
            '"' => self.text().map(Value::Text),
            '[' => {
                let mut all = Vec::new();
                while self.another(['[', ']'], all.is_empty())? {
                    all.push(self.value(depth)?);
                }
                Some(Value::List(all))
            }
            '{' => {
                let mut all = Vec::new();
                while self.another(['{', '}'], all.is_empty())? {
                    let name = self.text()?;
                    self.take(':')?;
                    all.push((name, self.value(depth)?));
                }
                Some(Value::Object(all))
            }
            _ => self.word(),
        }
    }

    /// Goes past a bracket or a comma, and says whether another value has to follow.
    fn another(&mut self, [open, close]: [char; 2], is_first: bool) -> Option<bool> {
        if is_first {
            self.take(open)?;
        }
        if self.take(close).is_some() {
            return Some(false);
        }
        if !is_first {
            self.take(',')?;
        }
        Some(true)
    }

    /// Reads what has neither brackets nor quotes.
    fn word(&mut self) -> Option<Value> {
        let mut word = String::new();
        while let Some(c @ ('+' | '-' | '.' | '0'..='9' | 'a'..='z' | 'E')) = self.rest.clone().next() {
            word.push(c);
            self.rest.next();
        }
        match word.as_str() {
            "null" => Some(Value::Null),
            "true" => Some(Value::Flag(true)),
            "false" => Some(Value::Flag(false)),
            _ => is_number(word.as_bytes()).then_some(Value::Number(word)),
        }
    }

    fn text(&mut self) -> Option<String> {
        self.take('"')?;
        let mut text = String::new();
        loop {
            text.push(match self.rest.next()? {
                '"' => return Some(text),
                '\\' => match self.rest.next()? {
                    c @ ('"' | '\\' | '/') => c,
                    'b' => '\u{8}',
                    'f' => '\u{c}',
                    'n' => '\n',
                    'r' => '\r',
                    't' => '\t',
                    'u' => self.escaped()?,
                    _ => return None,
                },
                '\0'..' ' => return None,
                c => c,
            });
        }
    }

    /// Reads a character that is written as a number of sixteen bits, or as two.
    fn escaped(&mut self) -> Option<char> {
        let first = self.sixteen_bits()?;
        if !(0xd800..0xdc00).contains(&first) {
            return char::from_u32(first);
        }
        ((self.rest.next()?, self.rest.next()?) == ('\\', 'u')).then_some(())?;
        let second = self.sixteen_bits()?.checked_sub(0xdc00).filter(|low| *low < 0x400)?;
        char::from_u32(0x1_0000 + ((first - 0xd800) << 10) + second)
    }

    fn sixteen_bits(&mut self) -> Option<u32> {
        let mut bits = 0;
        for _ in 0..4 {
            bits = bits << 4 | self.rest.next()?.to_digit(16)?;
        }
        Some(bits)
    }
}

/// A whole number of digits alone.
pub(crate) fn number(text: &str) -> Option<u64> {
    let digit = |byte: u8| byte.is_ascii_digit().then(|| u64::from(byte - b'0'));
    let more = |n: u64, byte: u8| n.checked_mul(10)?.checked_add(digit(byte)?);
    (!text.is_empty()).then(|| text.bytes().try_fold(0, more))?
}

/// Says whether a word is a number as JSON has them.
fn is_number(word: &[u8]) -> bool {
    /// What stands behind one digit or more.
    fn after_digits(word: &[u8]) -> Option<&[u8]> {
        let mut rest = word;
        while let [b'0'..=b'9', after @ ..] = rest {
            rest = after;
        }
        (rest.len() < word.len()).then_some(rest)
    }
    fn all(word: &[u8]) -> Option<&[u8]> {
        let mut rest = match word.strip_prefix(b"-").unwrap_or(word) {
            [b'0', after @ ..] => after,
            whole => after_digits(whole)?,
        };
        if let [b'.', after @ ..] = rest {
            rest = after_digits(after)?;
        }
        if let [b'e' | b'E', b'+' | b'-', after @ ..] | [b'e' | b'E', after @ ..] = rest {
            rest = after_digits(after)?;
        }
        Some(rest)
    }
    all(word).is_some_and(<[u8]>::is_empty)
}
