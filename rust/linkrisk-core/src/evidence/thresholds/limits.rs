//! What the figures cannot tell, in words.

use super::super::impostor::Basis;
use super::{Part, Persons, Question, Thresholds};

/// The sentences that belong below the tables.
pub(super) fn limits(question: &Question, answer: &Thresholds, parts: &[Part<'_>]) -> Vec<String> {
    let mut said = Vec::new();
    let unknown = answer.rows.iter().find(|r| r.fmr_basis == Basis::Unknown);
    if let Some(row) = unknown {
        said.push(format!(
            "From a similarity of {:.2} on the false match rate is not known: {:.0} pairs of strangers were seen, \
             so that it may be up to {:.1e} there whatever the tail is (rule of three).",
            row.similarity, answer.compared, row.fmr_at_most
        ));
    }
    let aside: f64 = parts.iter().map(|p| p.impostors.set_aside()).sum();
    if aside >= 1.0 {
        said.push(format!(
            "About {aside:.0} of the random pairs are as alike as those of one person and were taken off: one \
             person under several numbers, or under none; lookalikes may be among them."
        ));
    } else if answer.persons != Persons::Truth && question.calibration.is_none() {
        said.push(
            "Pairs of one person may be among the random pairs, so that the false match rate is too high rather \
             than too low."
                .to_owned(),
        );
    }
    said.push(
        "Relatives, twins and lookalikes are too rare among random pairs to be in the rates; the false links that \
         they make grow with the number of people, not of pairs."
            .to_owned(),
    );
    said.push(
        "FPIR takes the comparisons of a search to be independent. They are not, so that fewer searches have a \
         false match than it says, and those have more."
            .to_owned(),
    );
    match question.persons {
        Persons::Truth | Persons::Official => {}
        Persons::Issued => said.push(
            "Pairs of one person are those that share an issued number; a number that is wrong in a record makes \
             the false non-match rate too high."
                .to_owned(),
        ),
        Persons::Agreeing => said.push(
            "Pairs of one person were taken out of pairs that agree on other attributes, by their similarity: \
             those that look like strangers are missing, so that the false non-match rate is too low."
                .to_owned(),
        ),
        Persons::Unknown => said.push(
            "No pair of one person is known, so that nothing can be said of false non-matches.".to_owned(),
        ),
    }
    if parts.iter().any(|p| p.impostors.tail().is_some_and(|t| t.agreement < 0.05)) {
        said.push(
            "The tail of at least one pair of sources fits poorly; its pairs may be of several kinds, such as two \
             cameras."
                .to_owned(),
        );
    }
    if question.left_out > 0 {
        said.push(format!(
            "{} values of group attributes are in no group: an attribute has more than 48 values.",
            question.left_out
        ));
    }
    if answer.rows.iter().any(|r| r.joined_agree == Some(false)) {
        said.push(
            "A join of all templates found fewer pairs than the false match rate makes of strangers alone: the \
             rate is too high, or the join is of other templates."
                .to_owned(),
        );
    }
    if question.calibration.is_some() {
        said.push("The rates are those of the calibration, and not of these records.".to_owned());
    }
    said
}
