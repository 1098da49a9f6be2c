//! The files that the calls of a turn changed, for its terminal event: what a call of kind `edit`, `delete` or `move` names,
//! unless it fails.

use std::borrow::Cow;
use std::collections::HashSet;

use super::terms::ToolStart;
use crate::codec::{self, Fields};
use crate::event::ChangedFiles;
use crate::text::digest::Digest;

/// Limit of the paths in a terminal event.
const MAX_FILES: usize = 1000;

/// Limit of the bytes of these paths.
const MAX_BYTES: usize = 64 << 10;

/// Limit of the further paths that are known; past that one is counted again if it comes again.
const MAX_MORE: usize = 65_536;

/// Keys of a path in a call's arguments, where the adapter knows none.
const PATH: &str = "file_path filePath absolute_path notebook_path path filepath file filename \
    file_name fileName target_file targetFile TargetFile relative_path relative_workspace_path";

/// Keys of both ends of a move.
const MOVE: &str = "source destination src dst from to old_path new_path oldPath newPath \
    source_path destination_path sourcePath destinationPath";

/// Keys of several changes: a list of paths or of objects with one, an object, or an object with the paths as keys.
const CHANGES: &str = "changes edits files paths operation operations";

/// Keys of a patch in the format of `apply_patch`.
const PATCH: &str = "input patch patchText patch_text";

/// Lines of such a patch that name a file.
const PATCH_LINES: [&str; 4] =
    ["*** Add File: ", "*** Update File: ", "*** Delete File: ", "*** Move to: "];

/// Depth of the objects of a change in which a new name is looked for.
const MAX_DEPTH: usize = 3;

/// Changed files of a turn so far.
#[derive(Debug, Default)]
pub(super) struct Files {
    /// In order of first appearance.
    listed: Vec<Listed>,
    /// Bytes of their paths.
    bytes: usize,
    /// Changed files that are not listed.
    more: HashSet<Digest>,
    /// Number of changed files that are not in `more` either.
    uncounted: u64,
}

/// A file that a call names which is open, or has changed it.
#[derive(Debug)]
struct Listed {
    path: String,
    digest: Digest,
    /// Number of open calls that name it.
    open: usize,
    changed: bool,
}

/// Files of one call.
#[derive(Debug, Default)]
pub(super) struct Named {
    files: Vec<Digest>,
    /// Number of files past [`MAX_FILES`]; they are counted even if they are known from another call.
    beyond: u64,
}

impl Files {
    /// Notes the files of a call that starts.
    pub(super) fn start(&mut self, paths: Vec<Cow<'_, str>>) -> Named {
        let mut named = Named::default();
        self.add(&mut named, paths);
        named
    }

    /// Adds files to those of an open call.
    pub(super) fn add(&mut self, named: &mut Named, paths: Vec<Cow<'_, str>>) {
        for path in paths {
            let digest = Digest::of(&path);
            if named.files.contains(&digest) {
                continue;
            }
            if named.files.len() >= MAX_FILES {
                named.beyond += 1;
                continue;
            }
            named.files.push(digest);
            match self.listed.iter().position(|file| file.digest == digest) {
                Some(at) => self.listed[at].open += 1,
                None if self.has_room(&path) => {
                    self.bytes += path.len();
                    let path = path.into_owned();
                    self.listed.push(Listed { path, digest, open: 1, changed: false });
                }
                None => {}
            }
        }
    }

    /// Notes the end of a call. It has changed its files if its outcome is `ok`, and may have if that is unknown.
    pub(super) fn finish(&mut self, named: &Named, outcome: &str) {
        let changed = matches!(outcome, "ok" | "unknown");
        for digest in &named.files {
            let Some(at) = self.listed.iter().position(|file| file.digest == *digest) else {
                if changed {
                    self.count(*digest);
                }
                continue;
            };
            let file = &mut self.listed[at];
            // A call does not count a file that was listed after its start.
            file.open = file.open.saturating_sub(1);
            file.changed |= changed;
            if file.changed {
                self.more.remove(digest);
            } else if file.open == 0 {
                self.bytes -= self.listed.remove(at).path.len();
            }
        }
        if changed {
            self.uncounted = self.uncounted.saturating_add(named.beyond);
        }
    }

    /// The files of a turn without an open call.
    pub(super) fn take(&mut self) -> ChangedFiles<'static> {
        let Self { listed, more, uncounted, .. } = std::mem::take(self);
        let more = u64::try_from(more.len()).unwrap_or(u64::MAX).saturating_add(uncounted);
        ChangedFiles {
            files: listed.into_iter().map(|file| file.path.into()).collect(),
            files_more: Some(more).filter(|more| *more > 0),
        }
    }

    fn has_room(&self, path: &str) -> bool {
        self.listed.len() < MAX_FILES && self.bytes + path.len() <= MAX_BYTES
    }

    fn count(&mut self, digest: Digest) {
        if self.more.len() < MAX_MORE {
            self.more.insert(digest);
        } else if !self.more.contains(&digest) {
            self.uncounted = self.uncounted.saturating_add(1);
        }
    }
}

/// Paths of the files that a call changes if it succeeds, in order; none unless its kind is `edit`, `delete` or `move`.
pub(super) fn changed_paths<'a>(tool: &ToolStart<'a>) -> Vec<Cow<'a, str>> {
    if !["edit", "delete", "move"].contains(&tool.kind) {
        return Vec::new();
    }
    let mut paths: Vec<Cow<'a, str>> = tool.paths.iter().map(Into::into).collect();
    let Some(input) = tool.input.map(str::trim_start) else { return paths };
    let Ok(fields) = Fields::parse(input) else {
        paths.extend(codec::text(input).iter().flat_map(|patch| patched(patch)));
        return paths;
    };
    // An editor with several commands, such as `str_replace_based_edit_tool`.
    if fields.text("command").as_deref() == Some("view") {
        return Vec::new();
    }
    if paths.is_empty() {
        paths.extend(texts(&fields, PATH));
    }
    if tool.kind == "move" {
        paths.extend(texts(&fields, MOVE));
    }
    for value in CHANGES.split(' ').filter_map(|key| fields.raw(key)) {
        paths.extend(of_changes(value));
    }
    let patches = PATCH.split(' ').filter_map(|key| fields.text(key));
    paths.extend(patches.flat_map(|patch| patched(&patch)));
    paths.retain(|path| !path.is_empty());
    paths
}

/// Strings of an object at these keys.
fn texts<'a>(fields: &Fields<'a>, keys: &str) -> Vec<Cow<'a, str>> {
    keys.split(' ').filter_map(|key| fields.text(key)).collect()
}

/// Paths in a value at one of [`CHANGES`].
fn of_changes(value: &str) -> Vec<Cow<'_, str>> {
    if let Ok(change) = Fields::parse(value) {
        let path = texts(&change, PATH);
        if !path.is_empty() {
            return path.into_iter().chain(new_name(value, MAX_DEPTH)).collect();
        }
        // Paths are keys, changes are objects.
        let by_path = change.0.into_iter().filter(|(_, change)| change.starts_with('{'));
        let paths = by_path.flat_map(|(path, change)| [Some(path), new_name(change, MAX_DEPTH)]);
        return paths.flatten().collect();
    }
    let mut paths = Vec::new();
    for item in codec::list(value) {
        paths.extend(codec::text(item));
        if let Ok(change) = Fields::parse(item) {
            paths.extend(texts(&change, PATH));
            paths.extend(new_name(item, MAX_DEPTH));
        }
    }
    paths
}

/// New name of the file of a change, which may be in an object within the change.
fn new_name(change: &str, depth: usize) -> Option<Cow<'_, str>> {
    let fields = Fields::parse(change).ok().filter(|_| depth > 0)?;
    let name = fields.text("move_path").or_else(|| fields.text("movePath"));
    name.or_else(|| fields.0.iter().find_map(|(_, value)| new_name(value, depth - 1)))
}

/// Paths in a patch in the format of `apply_patch`; none in any other text.
fn patched(patch: &str) -> Vec<Cow<'static, str>> {
    if !patch.contains("*** Begin Patch") {
        return Vec::new();
    }
    let path = |line: &str| {
        PATCH_LINES.iter().find_map(|start| line.strip_prefix(start)?.trim().to_owned().into())
    };
    patch.lines().filter_map(path).map(Cow::Owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn paths(kind: &str, known: &[&str], input: &str) -> Vec<String> {
        let known: Vec<String> = known.iter().map(|path| (*path).to_owned()).collect();
        let tool = ToolStart { kind, paths: &known, input: Some(input), ..ToolStart::default() };
        changed_paths(&tool).into_iter().map(Cow::into_owned).collect()
    }

    #[test]
    fn a_call_names_its_files_in_many_ways() {
        let patch = "*** Begin Patch\n*** Update File: a b.rs\n*** Move to: c.rs\n@@\n-*** Add File: no\n+x\n*** Delete File: d\n*** Add File: e\n+*** Delete File: no\n*** End Patch";
        let patch = codec::to_json(&patch);
        for (kind, known, input, want) in [
            ("edit", &["a"][..], r#"{"path":"b"}"#, &["a"][..]),
            ("edit", &[], r#"{"file_path":"a","content":"path"}"#, &["a"]),
            ("edit", &[], r#"{"TargetFile":"a","path":""}"#, &["a"]),
            ("delete", &[], r#"{"filename":"a\u0062"}"#, &["ab"]),
            ("delete", &[], r#"{"paths":["a","b",3]}"#, &["a", "b"]),
            ("move", &[], r#"{"source":"a","destination":"b"}"#, &["a", "b"]),
            ("edit", &[], r#"{"source":"a","destination":"b"}"#, &[]),
            (
                "edit",
                &["a"],
                r#"{"changes":[{"path":"a","kind":{"type":"update","move_path":"b"}}]}"#,
                &["a", "a", "b"],
            ),
            (
                "edit",
                &[],
                r#"{"changes":{"a":{"add":{"content":"x"}},"b":{"update":{"unified_diff":"","move_path":"c"}}}}"#,
                &["a", "b", "c"],
            ),
            ("edit", &[], r#"{"operation":{"type":"update_file","path":"a","diff":"@@"}}"#, &["a"]),
            ("edit", &[], r#"{"edits":[{"file_path":"a"},{"old":"x"}]}"#, &["a"]),
            ("edit", &["a"], r#"{"command":"view","path":"a"}"#, &[]),
            ("edit", &["a"], r#"{"command":"create","path":"a"}"#, &["a"]),
            ("read", &["a"], "{}", &[]),
            ("execute", &[], r#"{"path":"a"}"#, &[]),
            ("edit", &["a"], "", &["a"]),
            ("edit", &[], "[1", &[]),
            ("edit", &[], r#""no patch""#, &[]),
            ("edit", &[], &patch, &["a b.rs", "c.rs", "d", "e"]),
            ("edit", &[], &format!(r#"{{"patchText":{patch}}}"#), &["a b.rs", "c.rs", "d", "e"]),
        ] {
            assert_eq!(paths(kind, known, input), want, "{input}");
        }
    }

    #[test]
    fn what_does_not_fit_is_counted() {
        let mut files = Files::default();
        let numbered =
            |range: std::ops::Range<usize>| range.map(|n| n.to_string().into()).collect();
        let first = files.start(numbered(0..600));
        let second = files.start(numbered(500..1100));
        let large = files.start(vec!["x".repeat(MAX_BYTES).into()]);
        // Files of a failed call give way.
        files.finish(&first, "error");
        files.finish(&second, "ok");
        files.finish(&large, "unknown");
        let third = files.start(numbered(0..3000));
        files.finish(&third, "ok");
        let ChangedFiles { files, files_more } = files.take();
        let want: Vec<String> = (500..1000).chain(0..500).map(|n| n.to_string()).collect();
        assert_eq!(files, want);
        assert_eq!(files_more, Some(2101));
    }

    proptest! {
        /// Each path of a call that did not fail once, in order of the starts since it last was of no use.
        #[test]
        fn a_file_is_listed_once_if_a_call_may_have_changed_it(
            calls in prop::collection::vec((prop::collection::vec(0u8..6, 0..4), 0usize..5), 0..12),
        ) {
            const OUTCOMES: [&str; 5] = ["ok", "error", "denied", "cancelled", "unknown"];
            let mut files = Files::default();
            let paths = |call: &[u8]| call.iter().map(|n| n.to_string().into()).collect();
            let named: Vec<Named> = calls.iter().map(|(call, _)| files.start(paths(call))).collect();
            for (named, (_, outcome)) in named.iter().zip(&calls).rev() {
                files.finish(named, OUTCOMES[*outcome]);
            }
            let may = |n: &u8| calls.iter().any(|(call, outcome)| call.contains(n) && [0, 4].contains(outcome));
            let mut want: Vec<String> = Vec::new();
            for n in calls.iter().flat_map(|(call, _)| call).filter(|n| may(n)) {
                if !want.contains(&n.to_string()) {
                    want.push(n.to_string());
                }
            }
            prop_assert_eq!(files.take(), ChangedFiles { files: want.into_iter().map(Into::into).collect(), files_more: None });
        }
    }
}
