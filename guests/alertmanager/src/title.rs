//! The reason as a part of the alert's name.

/// A capital at the beginning of each word, small letters in the rest of it: `ReconciliationFailed` is
/// `Reconciliationfailed`, `Install_failed HTTP-error` is `Install_failed Http-Error`.
///
/// Words end where they do in Flux, which follows Unicode: neither at digits and `_`, nor at `.`, `:` or `'` between
/// letters. Only ASCII letters change: Kubernetes has no others in a reason, and the tables for the rest would be a fifth
/// of the module.
pub(crate) fn title(reason: &str) -> String {
    let mut title = String::with_capacity(reason.len());
    let mut is_in_word = false;
    let mut chars = reason.chars().peekable();
    while let Some(char) = chars.next() {
        if is_letter(char) {
            let start = char.to_ascii_uppercase();
            title.push(if is_in_word { char.to_ascii_lowercase() } else { start });
            is_in_word = true;
        } else {
            title.push(char);
            let joins = matches!(char, '.' | ':' | '\'')
                && chars.peek().is_some_and(|next| is_letter(*next) || is_joint(*next));
            is_in_word &= joins || is_joint(char);
        }
    }
    title
}

fn is_letter(char: char) -> bool {
    char.is_ascii_alphabetic() || !char.is_ascii()
}

fn is_joint(char: char) -> bool {
    char.is_ascii_digit() || char == '_'
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_word_begins_with_its_only_capital() {
        // But for the last three, what golang.org/x/text/cases makes of them.
        for (reason, expected) in [
            ("", ""),
            ("ReconciliationFailed", "Reconciliationfailed"),
            ("install_failed HTTPError-retry2", "Install_failed Httperror-Retry2"),
            ("a.b", "A.b"),
            ("a:b", "A:b"),
            ("a:", "A:"),
            ("a'b", "A'b"),
            ("a..b", "A..B"),
            ("a. b", "A. B"),
            ("a.-b", "A.-B"),
            ("a,b;c/d@e+f", "A,B;C/D@E+F"),
            ("a\tb \"c\" `d`", "A\tB \"C\" `D`"),
            ("4xx", "4Xx"),
            ("_foo", "_Foo"),
            ("x_Y", "X_y"),
            ("a1B2", "A1b2"),
            ("über", "über"),
            ("nächsteR", "Nächster"),
            ("ÄRGER", "Ärger"),
        ] {
            assert_eq!(title(reason), expected, "{reason:?}");
        }
    }
}
