//! Files: paths of which the body or the answer is one.

use crate::collection::{Collection, Verb};
use crate::index;

/// A file that each record of a collection can have of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct File {
    /// The last word of its path below a record, such as `retrieve_image_scan`.
    pub name: &'static str,
    verbs: &'static str,
}

impl File {
    /// Whether reading its path answers it.
    pub fn can_download(&self) -> bool {
        self.verbs.contains(Verb::Get.letter())
    }

    /// How it is sent, where it can be: by `PUT` where there is a choice, which a
    /// second time has the same effect.
    pub fn upload(&self) -> Option<Verb> {
        [Verb::Put, Verb::Post]
            .into_iter()
            .find(|verb| self.verbs.contains(verb.letter()))
    }
}

impl Collection {
    /// The files that its records have of their own, the most wanted first.
    pub fn files(&self) -> impl Iterator<Item = File> + use<> {
        let path = self.path;
        templates().filter_map(move |template| {
            let below = template.strip_prefix(path)?.strip_prefix("/{id}/")?;
            // The style of an image may follow, and need not.
            let name = below.split('(').next()?;
            Some(File {
                name,
                verbs: index::verbs_of(template),
            })
        })
    }
}

/// Whether what a path takes or gives is a file.
pub(crate) fn is_file(template: &str) -> bool {
    templates().any(|known| known == template)
}

fn templates() -> impl Iterator<Item = &'static str> {
    index::facts("file").iter().copied()
}

#[cfg(test)]
mod tests {
    use crate::{Verb, find_object};

    #[test]
    fn records_have_files_of_their_own() {
        let contracts = find_object("contracts").unwrap();
        let files: Vec<_> = contracts
            .files()
            .map(|file| (file.name, file.can_download(), file.upload()))
            .collect();
        assert_eq!(
            files,
            [
                ("retrieve_legal_agreement", true, None),
                ("legal_agreement", false, Some(Verb::Put)),
                ("update_legal_agreement_published", false, Some(Verb::Put)),
            ]
        );
        let lines = find_object("expense_lines/5/expense_artifacts").unwrap();
        let names: Vec<_> = lines.files().map(|file| file.name).collect();
        assert_eq!(names, ["image"]);
    }
}
