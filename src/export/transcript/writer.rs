//! Place on the page: the section and the frames that are open.

use super::{Page, Piece, Section, Stream};
use crate::stage::Io;
use crate::term::style::Look;

/// The page and the place on it.
pub(super) struct Writer<P> {
    pub(super) page: P,
    pub(super) out: String,
    pub(super) begun: bool,
    /// Stream, turn and open frames of the last piece.
    pub(super) at: Option<(String, Option<u64>, Vec<String>)>,
    pub(super) several: bool,
}

impl<P: Page> Writer<P> {
    /// Writes a piece of a stream, under the call `parent` if it is a sub-agent's.
    pub(super) fn write(&mut self, stream: &mut Stream, parent: Option<&str>, piece: &Piece<'_>) {
        let mut path = stream.path(parent);
        // No frame opens for a line that is folded away.
        if let Piece::Notice(Look::Dim | Look::Plain, _) = piece {
            path.truncate(self.shared(stream, &path));
        }
        self.turn_to(stream, path);
        self.page.piece(piece, &mut self.out);
    }

    /// Opens the section and the frames of a piece, unless they are open.
    pub(super) fn turn_to(&mut self, stream: &mut Stream, path: Vec<String>) {
        self.begin();
        let same = self.shared(stream, &path);
        if self.frames(stream).is_none() {
            self.leave();
            let section = Section {
                name: if stream.label.is_empty() { &stream.id } else { &stream.label },
                turn: stream.turn.as_ref(),
                continues: std::mem::replace(&mut stream.opened, true),
                beside_others: self.several,
            };
            self.page.open(&section, &mut self.out);
            let turn = stream.turn.as_ref().map(|turn| turn.number);
            self.at = Some((stream.id.clone(), turn, Vec::new()));
        }
        // The prompt has been written, and may be long.
        stream.turn.iter_mut().for_each(|turn| turn.prompt = String::new());
        let Some((.., open)) = &mut self.at else { return };
        for _ in open.drain(same..) {
            self.page.unnest(&mut self.out);
        }
        for id in path.into_iter().skip(same) {
            let call = stream.calls.iter_mut().find(|call| call.id == id);
            let call = call.map(|call| {
                call.nests = true;
                &*call
            });
            self.page.nest(call, &mut self.out);
            open.push(id);
        }
    }

    /// Open frames, if the page is at the turn of this stream.
    fn frames(&self, stream: &Stream) -> Option<&Vec<String>> {
        let turn = stream.turn.as_ref().map(|turn| turn.number);
        let (.., open) = self.at.as_ref().filter(|(id, at, _)| *id == stream.id && *at == turn)?;
        Some(open)
    }

    /// Number of frames of a path that are open.
    fn shared(&self, stream: &Stream, path: &[String]) -> usize {
        let open = self.frames(stream).into_iter().flatten();
        open.zip(path).take_while(|(open, id)| open == id).count()
    }

    pub(super) fn begin(&mut self) {
        if !std::mem::replace(&mut self.begun, true) {
            self.page.begin(&mut self.out);
        }
    }

    /// Closes what is open on the page.
    pub(super) fn leave(&mut self) {
        if let Some((.., path)) = self.at.take() {
            path.iter().for_each(|_| self.page.unnest(&mut self.out));
            self.page.close(&mut self.out);
        }
    }

    /// Writes a piece that belongs to no stream where the page is.
    pub(super) fn apart(&mut self, piece: &Piece<'_>) {
        match self.at {
            Some(_) => self.page.piece(piece, &mut self.out),
            None => self.write(&mut Stream::default(), None, piece),
        }
    }

    pub(super) fn hand_on(&mut self, io: &mut Io) {
        if io.out.is_empty() {
            // The buffers change places, so that a huge text is not held twice.
            let out = std::mem::take(&mut self.out).into_bytes();
            let empty = std::mem::replace(&mut io.out, out);
            self.out = String::from_utf8(empty).unwrap_or_default();
        } else {
            io.out.extend_from_slice(self.out.as_bytes());
            self.out.clear();
        }
        // One huge text must not keep its memory for good.
        self.out.shrink_to(1 << 20);
    }
}
