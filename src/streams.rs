//! State of each stream, found by the stream's id, with a limit on the streams that are remembered.

use std::collections::HashMap;
use std::ops::{Index, IndexMut};

/// Streams that are remembered unless another limit is set.
pub(crate) const MAX_STREAMS: usize = 1024;

/// States by stream id. The last one used is found without hashing, since streams come in bursts.
#[derive(Debug)]
pub(crate) struct Streams<T> {
    states: Vec<(String, T)>,
    by_id: HashMap<String, usize>,
    last: usize,
    limit: usize,
}

impl<T> Default for Streams<T> {
    fn default() -> Self {
        Self::new(MAX_STREAMS)
    }
}

impl<T> Streams<T> {
    pub(crate) fn new(limit: usize) -> Self {
        Self { states: Vec::new(), by_id: HashMap::new(), last: 0, limit }
    }

    /// Index of a stream's state, valid until a state is removed.
    pub(crate) fn find(&mut self, id: &str) -> Option<usize> {
        if self.states.get(self.last).is_none_or(|(known, _)| known != id) {
            self.last = *self.by_id.get(id)?;
        }
        Some(self.last)
    }

    pub(crate) fn get(&mut self, id: &str) -> Option<&mut T> {
        let at = self.find(id)?;
        Some(&mut self[at])
    }

    /// Index of a stream's state, added by `new` if it is new. At the limit the state with the least `worth` is removed
    /// first, and returned.
    pub(crate) fn place<K: Ord>(
        &mut self,
        id: &str,
        new: impl FnOnce() -> T,
        worth: impl Fn(&T) -> K,
    ) -> (usize, Option<T>) {
        if let Some(at) = self.find(id) {
            return (at, None);
        }
        let full = self.states.len() >= self.limit;
        let removed = if full { self.remove_least(worth) } else { None };
        self.last = self.states.len();
        self.by_id.insert(id.to_owned(), self.last);
        self.states.push((id.to_owned(), new()));
        (self.last, removed)
    }

    fn remove_least<K: Ord>(&mut self, worth: impl Fn(&T) -> K) -> Option<T> {
        let (at, _) = self.states.iter().enumerate().min_by_key(|(_, (_, state))| worth(state))?;
        let (id, state) = self.states.swap_remove(at);
        self.by_id.remove(&id);
        if let Some((moved, _)) = self.states.get(at) {
            self.by_id.insert(moved.clone(), at);
        }
        Some(state)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        self.states.iter().map(|(_, state)| state)
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.states.iter_mut().map(|(_, state)| state)
    }

    pub(crate) fn len(&self) -> usize {
        self.states.len()
    }

    /// Removes all states.
    pub(crate) fn drain(&mut self) -> impl Iterator<Item = T> {
        self.by_id.clear();
        self.states.drain(..).map(|(_, state)| state)
    }
}

impl<T> Index<usize> for Streams<T> {
    type Output = T;

    fn index(&self, place: usize) -> &T {
        &self.states[place].1
    }
}

impl<T> IndexMut<usize> for Streams<T> {
    fn index_mut(&mut self, place: usize) -> &mut T {
        &mut self.states[place].1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_worth_goes_at_the_limit_and_the_others_are_found() {
        let mut streams = Streams::default();
        for n in 0..MAX_STREAMS + 10 {
            let (at, removed) = streams.place(&format!("s{n}"), || n, |n| *n);
            assert_eq!((streams[at], removed), (n, n.checked_sub(MAX_STREAMS)));
        }
        for n in 0..MAX_STREAMS + 10 {
            let known = (n >= 10).then_some(n);
            assert_eq!(streams.get(&format!("s{n}")).copied(), known);
        }
        assert_eq!(streams.len(), MAX_STREAMS);
    }
}
