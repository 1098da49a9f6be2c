//! Splitting of command lines.

/// Words of a command line as a POSIX shell splits them: blanks, quotes and backslashes, without expansion.
pub fn words(line: &str) -> Result<Vec<String>, String> {
    let (mut words, mut word): (Vec<String>, Option<String>) = (Vec::new(), None);
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        if matches!(c, ' ' | '\t' | '\n') {
            words.extend(word.take());
            continue;
        }
        let word = word.get_or_insert_default();
        let mut next = || chars.next().ok_or("a quote or backslash is left open");
        match c {
            '\'' => loop {
                match next()? {
                    '\'' => break,
                    c => word.push(c),
                }
            },
            '"' => loop {
                match next()? {
                    '"' => break,
                    '\\' => match next()? {
                        '\n' => {}
                        c @ ('"' | '\\' | '$' | '`') => word.push(c),
                        c => word.extend(['\\', c]),
                    },
                    c => word.push(c),
                }
            },
            '\\' => word.extend(Some(next()?).filter(|c| *c != '\n')),
            c => word.push(c),
        }
    }
    words.extend(word);
    Ok(words)
}
