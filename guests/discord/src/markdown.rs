//! Discord's Markdown: what it would read in a text that is meant literally.

/// The characters that begin something: emphasis, code, a spoiler, a link, a mention, a quote or a heading.
const SPECIAL: [char; 11] = ['\\', '*', '_', '~', '`', '|', '[', ']', '<', '>', '#'];

/// The most that a character takes once it is escaped, in UTF-16 units, which are never fewer than what Discord counts.
pub(crate) fn length(char: char) -> usize {
    char.len_utf16() + usize::from(SPECIAL.contains(&char))
}

/// The text as it will be read, with a backslash before what Discord would take for Markdown. URLs stay as they are:
/// Discord makes links of them, and a backslash would become a part of where they lead.
pub(crate) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 16);
    let mut in_url = false;
    for (at, char) in text.char_indices() {
        in_url = if in_url {
            !char.is_ascii_whitespace() && !matches!(char, '<' | '>' | '"' | '`')
        } else {
            char == 'h' && text.get(at..).is_some_and(starts_url)
        };
        if !in_url && SPECIAL.contains(&char) {
            out.push('\\');
        }
        out.push(char);
    }
    out
}

fn starts_url(text: &str) -> bool {
    text.starts_with("https://") || text.starts_with("http://")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_be_markdown_is_escaped() {
        let check = |text: &str, expected: &str| {
            assert_eq!(escape(text), expected);
            let length: usize = text.chars().map(length).sum();
            assert!(expected.encode_utf16().count() <= length, "{text}");
        };
        check("plain, 1.2-3 (x) {y}!", "plain, 1.2-3 (x) {y}!");
        check("*a* _b_ ~~c~~ `d` ||e||", r"\*a\* \_b\_ \~\~c\~\~ \`d\` \|\|e\|\|");
        check("# a\n> b", "\\# a\n\\> b");
        check(r"C:\new", r"C:\\new");
        check("<@123> <!here> @everyone", r"\<@123\> \<!here\> @everyone");
        check("[good](https://evil.example/a_b)", r"\[good\](https://evil.example/a_b)");
        check("see https://kb.example/run_book now_", r"see https://kb.example/run_book now\_");
        check("<https://kb.example/a_b>", r"\<https://kb.example/a_b\>");
        check("🦀_🦀", r"🦀\_🦀");
        check("h_ttp", r"h\_ttp");
    }
}
