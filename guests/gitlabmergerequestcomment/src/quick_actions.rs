//! Quick actions: lines such as `/merge` that GitLab carries out with the rights of the token that writes them
//! (<https://docs.gitlab.com/user/project/quick_actions/>).

/// The text with a backslash before each slash that begins a line and a word, which Markdown does not show.
pub(crate) fn disarm(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 8);
    let mut chars = text.chars().peekable();
    let mut begins_line = true;
    while let Some(char) = chars.next() {
        let begins_word = chars.peek().is_some_and(|next| next.is_ascii_alphabetic());
        if begins_line && char == '/' && begins_word {
            out.push('\\');
        }
        begins_line = matches!(char, '\n' | '\r') || (begins_line && char.is_whitespace());
        out.push(char);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_cannot_be_a_quick_action() {
        let check = |text: &str, expected: &str| assert_eq!(disarm(text), expected, "{text:?}");
        check("", "");
        check("plain and/or\n* `a`: /b\n", "plain and/or\n* `a`: /b\n");
        check("/merge", "\\/merge");
        check(
            "failed\n/close\n  /Assign @me\r\n\n/label ~x",
            "failed\n\\/close\n  \\/Assign @me\r\n\n\\/label ~x",
        );
        check("// a comment\n/ a slash\n/", "// a comment\n/ a slash\n/");
    }
}
