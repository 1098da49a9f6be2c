//! The name `secret` for a group that is known by its number.

use std::ops::Range;

use regex_syntax::ast::parse::Parser;
use regex_syntax::ast::{Ast, GroupKind, Visitor, visit};

/// The name of the group of which a search hides the match.
const NAME: &str = "secret";

/// The regex with the group `index`, from 1, named `secret`, and the bytes that are new.
pub(super) fn name(regex: &str, index: u32) -> Result<(String, Range<usize>), String> {
    let ast = Parser::new().parse(regex).map_err(|error| error.to_string())?;
    let groups = visit(&ast, Groups::default()).unwrap_or_default();
    let Some((_, start, name)) = groups.into_iter().find(|(found, ..)| *found == index) else {
        return Err(format!("the regex has no group {index}"));
    };
    match name {
        Some(name) if name == NAME => Ok((regex.to_owned(), 0..0)),
        Some(name) => Err(format!("group {index} has the name {name}: write {NAME} there instead")),
        None if regex.contains("<secret>") => {
            Err(format!("another group has the name {NAME}: leave secretGroup out"))
        }
        None => {
            let added = format!("?<{NAME}>");
            let behind = start + 1;
            let named = format!("{}{added}{}", &regex[..behind], &regex[behind..]);
            Ok((named, behind..behind + added.len()))
        }
    }
}

/// Every group that captures: its number, the byte of its parenthesis, its name.
#[derive(Default)]
struct Groups(Vec<(u32, usize, Option<String>)>);

impl Visitor for Groups {
    type Output = Vec<(u32, usize, Option<String>)>;
    type Err = ();

    fn finish(self) -> Result<Self::Output, ()> {
        Ok(self.0)
    }

    fn visit_pre(&mut self, ast: &Ast) -> Result<(), ()> {
        if let Ast::Group(group) = ast {
            let start = group.span.start.offset;
            match &group.kind {
                GroupKind::CaptureIndex(index) => self.0.push((*index, start, None)),
                GroupKind::CaptureName { name, .. } => {
                    self.0.push((name.index, start, Some(name.name.clone())));
                }
                GroupKind::NonCapturing(_) => {}
            }
        }
        Ok(())
    }
}
