//! Whether names made by a template can be read in two ways.
//!
//! A template is a small automaton: a state is a place in one of the forms of a piece. Two readings of one name are
//! two ways through the automaton with the same characters, so two states are followed at once, over all names
//! together. If both can come to the end after they parted, some name has two readings. This is exact, apart from
//! dates: that there is no 13th month is not used.
//!
//! Letters of literal text are taken in lower case, and fields write lower case only. So, names that differ in case
//! alone say the same, and two exports that differ in what a name says, differ in the name however letters are
//! compared.

use std::collections::BTreeSet;

use super::field::{CharClass, NameField};
use super::piece::TemplatePiece;

/// What may stand at the place, and where it goes from there.
struct AmbiguityState {
    class: CharClass,
    next: Next,
}

enum Next {
    /// The next place in the same form.
    Place(usize),
    /// The first places of this piece.
    Piece(usize),
}

/// Two states that are reached by the same characters, and the piece where they parted; `None` while they are one.
type Pair = (usize, usize, Option<usize>);

/// The pairs that are reached, and those of them that have not been followed yet.
#[derive(Default)]
struct Walk {
    seen: BTreeSet<Pair>,
    waiting: Vec<Pair>,
}

impl Walk {
    fn reach(&mut self, one: usize, other: usize, parted: Option<usize>) {
        let pair = (one.min(other), one.max(other), parted);
        if self.seen.insert(pair) {
            self.waiting.push(pair);
        }
    }

    /// Goes on at the start of a piece, where two readings can part.
    fn enter(&mut self, piece: usize, firsts: &[usize]) {
        for one in firsts {
            for other in firsts {
                self.reach(*one, *other, (one != other).then_some(piece));
            }
        }
    }
}

/// Returns the first field of which it is not always clear where it ends.
pub(super) fn ambiguous(pieces: &[TemplatePiece]) -> Option<NameField> {
    let (states, mut firsts) = automaton(pieces);
    // The end is a state after all others, and the first place of the piece after the last.
    let end = states.len();
    firsts.push(vec![end]);
    let firsts_of = |piece: usize| firsts.get(piece).map_or(&[] as &[usize], Vec::as_slice);
    let after = |state: &AmbiguityState| match state.next {
        Next::Place(next) => vec![next],
        Next::Piece(piece) => firsts_of(piece).to_vec(),
    };

    let mut walk = Walk::default();
    walk.enter(0, firsts_of(0));
    while let Some((one, other, parted)) = walk.waiting.pop() {
        let (Some(a), Some(b)) = (states.get(one), states.get(other)) else { continue };
        match (parted, &a.next) {
            (None, Next::Place(next)) => walk.reach(*next, *next, None),
            (None, Next::Piece(piece)) => walk.enter(*piece, firsts_of(*piece)),
            (Some(_), _) if a.class.meets(b.class) => {
                for next in after(a) {
                    for other_next in after(b) {
                        walk.reach(next, other_next, parted);
                    }
                }
            }
            (Some(_), _) => {}
        }
    }
    let parted = walk.seen.into_iter().filter(|(one, other, _)| *one == end && *other == end);
    match pieces.get(parted.filter_map(|(_, _, parted)| parted).min()?)? {
        TemplatePiece::Field(field) => Some(*field),
        // Text has one form, so nothing parts there.
        TemplatePiece::Literal(_) => None,
    }
}

/// Returns the states, and the first ones of each piece.
fn automaton(pieces: &[TemplatePiece]) -> (Vec<AmbiguityState>, Vec<Vec<usize>>) {
    let (mut states, mut firsts) = (Vec::new(), Vec::new());
    for (at, piece) in pieces.iter().enumerate() {
        let forms = match piece {
            TemplatePiece::Literal(literal) => {
                vec![literal.chars().flat_map(char::to_lowercase).map(CharClass::One).collect()]
            }
            TemplatePiece::Field(field) => field.forms(),
        };
        let mut first = Vec::new();
        for form in forms {
            first.push(states.len());
            let last = form.len().saturating_sub(1);
            for (place, class) in form.into_iter().enumerate() {
                let next = if place == last { Next::Piece(at + 1) } else { Next::Place(states.len() + 1) };
                states.push(AmbiguityState { class, next });
            }
        }
        firsts.push(first);
    }
    (states, firsts)
}
