//! A filter as it is written becomes one that jaq runs in jq's order: where both sides
//! of an operator make several values, jq goes through the right one outside; `reduce`
//! goes on with the last value of a step. What cannot be had so is refused.

use crate::bindings::exports::harness::jq::filters::{Word, Wrong};
use crate::count::{Count, Counting};
use jaq_core::load::lex::StrPart;
use jaq_core::load::parse::{BinaryOp, Def, Pattern, Term};
use jaq_core::path::{Part, Path};

const RIGHT: &str = "$__right";

type Rewritten<'a> = Result<Term<&'a str>, Wrong>;

/// Rewrites a term.
pub fn rewritten(term: Term<&str>) -> Rewritten<'_> {
    let counting = Counting::of(&term);
    Rewriting { counting }.term(term)
}

struct Rewriting<'a> {
    counting: Counting<'a>,
}

impl<'a> Rewriting<'a> {
    fn boxed(&self, term: Box<Term<&'a str>>) -> Result<Box<Term<&'a str>>, Wrong> {
        self.term(*term).map(Box::new)
    }

    fn terms(&self, terms: Vec<Term<&'a str>>) -> Result<Vec<Term<&'a str>>, Wrong> {
        terms.into_iter().map(|term| self.term(term)).collect()
    }

    fn term(&self, term: Term<&'a str>) -> Rewritten<'a> {
        Ok(match term {
            Term::Str(format, parts) => {
                let several = parts.iter().filter(|part| match part {
                    StrPart::Term(term) => self.counting.count(term) == Count::Any,
                    _ => false,
                });
                if several.count() > 1 {
                    return refused(
                        "\\(…)",
                        "two parts of a text that may make several values each do so in \
                         another order than in jq: give one a name before, as in \
                         `f as $x | \"\\($x) …\"`",
                    );
                }
                let parts = parts.into_iter().map(|part| match part {
                    StrPart::Term(term) => self.term(term).map(StrPart::Term),
                    part => Ok(part),
                });
                Term::Str(format, parts.collect::<Result<_, Wrong>>()?)
            }
            Term::Arr(inner) => Term::Arr(inner.map(|inner| self.boxed(inner)).transpose()?),
            Term::Obj(fields) => {
                let fields = fields.into_iter().map(|(key, value)| {
                    let value = value.map(|value| self.term(value)).transpose()?;
                    Ok((self.term(key)?, value))
                });
                Term::Obj(fields.collect::<Result<_, Wrong>>()?)
            }
            Term::Neg(inner) => Term::Neg(self.boxed(inner)?),
            Term::BinOp(left, operator, right) => self.operation(left, operator, right)?,
            Term::Label(name, inner) => Term::Label(name, self.boxed(inner)?),
            Term::Fold(name, over, pattern, steps) => self.fold(name, over, pattern, steps)?,
            Term::TryCatch(tried, caught) => Term::TryCatch(
                self.boxed(tried)?,
                caught.map(|caught| self.boxed(caught)).transpose()?,
            ),
            Term::IfThenElse(branches, otherwise) => {
                let branches = branches
                    .into_iter()
                    .map(|(condition, then)| Ok((self.term(condition)?, self.term(then)?)));
                Term::IfThenElse(
                    branches.collect::<Result<_, Wrong>>()?,
                    otherwise.map(|term| self.boxed(term)).transpose()?,
                )
            }
            Term::Def(definitions, body) => {
                let definitions = definitions.into_iter().map(|definition| {
                    Ok(Def {
                        name: definition.name,
                        args: definition.args,
                        body: self.term(definition.body)?,
                    })
                });
                Term::Def(
                    definitions.collect::<Result<_, Wrong>>()?,
                    self.boxed(body)?,
                )
            }
            Term::Call(name, arguments) => Term::Call(name, self.terms(arguments)?),
            Term::Path(head, path) => self.path(head, path)?,
            other => other,
        })
    }

    fn operation(
        &self,
        left: Box<Term<&'a str>>,
        operator: BinaryOp<&'a str>,
        right: Box<Term<&'a str>>,
    ) -> Rewritten<'a> {
        if matches!(operator, BinaryOp::Update) && self.counting.count(&right) != Count::One {
            // What makes nothing deletes, all at the end.
            let arguments = vec![self.term(*left)?, self.term(*right)?];
            return Ok(Term::Call("__update", arguments));
        }
        let turned = matches!(operator, BinaryOp::Math(_) | BinaryOp::Cmp(_))
            && self.counting.count(&left) == Count::Any
            && self.counting.count(&right) == Count::Any;
        let (left, right) = (self.boxed(left)?, self.boxed(right)?);
        if !turned {
            return Ok(Term::BinOp(left, operator, right));
        }
        let named = Box::new(Term::Var(RIGHT));
        let inner = Box::new(Term::BinOp(left, operator, named));
        let outer = BinaryOp::Pipe(Some(Pattern::Var(RIGHT)));
        Ok(Term::BinOp(right, outer, inner))
    }

    fn fold(
        &self,
        name: &'a str,
        over: Box<Term<&'a str>>,
        pattern: Pattern<&'a str>,
        steps: Vec<Term<&'a str>>,
    ) -> Rewritten<'a> {
        let counts: Vec<Count> = steps.iter().map(|step| self.counting.count(step)).collect();
        let mut steps = self.terms(steps)?;
        let through = |steps: &mut Vec<Term<&'a str>>, at: usize, by: &'static str| {
            if counts.get(at).is_some_and(|count| *count != Count::One) {
                let step = std::mem::take(&mut steps[at]);
                steps[at] = Term::Call(by, vec![step]);
            }
        };
        match name {
            "reduce" => {
                through(&mut steps, 0, "__one");
                through(&mut steps, 1, "__last");
            }
            _ => through(&mut steps, 1, "__one"),
        }
        Ok(Term::Fold(name, self.boxed(over)?, pattern, steps))
    }

    fn path(&self, head: Box<Term<&'a str>>, path: Path<Term<&'a str>>) -> Rewritten<'a> {
        let mut before = self.counting.count(&head);
        for (part, _) in &path.0 {
            if before == Count::Any && self.counting.count_of_index(part) == Count::Any {
                return refused(
                    "[…]",
                    "an index that may make several values, behind what may make several, does \
                     so in another order than in jq: put `|` before it, as in \
                     `.lines[] | .[\"a\",\"b\"]`",
                );
            }
            before = before.max(self.counting.count_of_part(part));
        }
        let head = self.boxed(head)?;
        let parts = path.0.into_iter().map(|(part, opt)| {
            let part = match part {
                Part::Index(index) => Part::Index(self.term(index)?),
                Part::Range(from, to) => Part::Range(
                    from.map(|term| self.term(term)).transpose()?,
                    to.map(|term| self.term(term)).transpose()?,
                ),
            };
            Ok((part, opt))
        });
        Ok(Term::Path(head, Path(parts.collect::<Result<_, Wrong>>()?)))
    }
}

fn refused<T>(word: &str, why: &str) -> Result<T, Wrong> {
    Err(Wrong::Unavailable(Word {
        word: word.to_owned(),
        why: why.to_owned(),
    }))
}
