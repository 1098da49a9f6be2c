//! Splitting of command lines.

use nom::branch::alt;
use nom::bytes::complete::is_not;
use nom::character::complete::{char, none_of};
use nom::combinator::{all_consuming, map, opt};
use nom::multi::{fold_many0, fold_many1, separated_list0};
use nom::sequence::{delimited, preceded};
use nom::{IResult, Parser};

/// Words of a command line as a POSIX shell splits them: blanks, quotes and backslashes, without expansion.
pub fn words(line: &str) -> Result<Vec<String>, String> {
    let blank = || fold_many0(nom::character::complete::one_of(" \t\n"), || (), |(), _| ());
    let parsed: IResult<&str, Vec<String>> =
        all_consuming(delimited(blank(), separated_list0(blank1, word), blank())).parse(line);
    parsed.map(|(_, words)| words).map_err(|_| "a quote or backslash is left open".to_owned())
}

fn blank1(input: &str) -> IResult<&str, ()> {
    // Trailing blanks are no separator.
    let (rest, ()) =
        fold_many1(nom::character::complete::one_of(" \t\n"), || (), |(), _| ()).parse(input)?;
    if rest.is_empty() {
        let kind = nom::error::ErrorKind::Eof;
        return Err(nom::Err::Error(nom::error::Error::new(input, kind)));
    }
    Ok((rest, ()))
}

fn word(input: &str) -> IResult<&str, String> {
    let single = delimited(char('\''), opt(is_not("'")), char('\''));
    let single = map(single, |s: Option<&str>| s.unwrap_or_default().to_owned());
    let escaped = preceded(char('\\'), none_of(""));
    let plain = map(is_not(" \t\n'\"\\"), str::to_owned);
    let escaped = map(escaped, |c: char| match c {
        '\n' => String::new(),
        c => c.to_string(),
    });
    fold_many1(alt((single, double, escaped, plain)), String::new, |mut all, piece: String| {
        all.push_str(&piece);
        all
    })
    .parse(input)
}

/// Between double quotes a backslash escapes only what is special there.
fn double(input: &str) -> IResult<&str, String> {
    let escaped = map(preceded(char('\\'), none_of("")), |c: char| match c {
        '\n' => String::new(),
        '"' | '\\' | '$' | '`' => c.to_string(),
        c => format!("\\{c}"),
    });
    let plain = map(is_not("\"\\"), str::to_owned);
    let inside = fold_many0(alt((plain, escaped)), String::new, |mut all, piece: String| {
        all.push_str(&piece);
        all
    });
    delimited(char('"'), inside, char('"')).parse(input)
}
