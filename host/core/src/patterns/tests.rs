use proptest::prelude::*;

use super::*;

/// What an expression finds and what it does not, as Go answers.
fn check(pattern: &str, found: &[&str], not_found: &[&str]) {
    let (patterns, errors) = Patterns::compile(&[pattern.to_owned()]);
    assert!(errors.is_empty(), "{pattern}: {errors:?}");
    for text in found {
        assert!(patterns.any_match(text), "{pattern} is not found in {text:?}");
    }
    for text in not_found {
        assert!(!patterns.any_match(text), "{pattern} is found in {text:?}");
    }
}

fn check_error(pattern: &str, expected: &str) {
    let (patterns, errors) = Patterns::compile(&[pattern.to_owned()]);
    let [PatternError { index: 0, source: CompilePatternError::Syntax(error), .. }] =
        errors.as_slice()
    else {
        panic!("{pattern}: {errors:?}");
    };
    assert_eq!(error.to_string(), expected, "{pattern}");
    assert!(!patterns.any_match("") && !patterns.was_empty());
}

#[test]
fn an_expression_is_found_anywhere() {
    check("fail(ed|ure)", &["Health check failed", "a failure"], &["Failed", "fail"]);
    check("^ready$", &["ready"], &["ready\n", " ready", "is\nready"]);
    check("", &["", "anything"], &[]);
    check("waiting.*socket", &["waiting for socket"], &["waiting\nsocket"]);
}

#[test]
fn perl_classes_and_word_borders_are_ascii() {
    check(r"^\d+$", &["0123"], &["٣", ""]);
    check(r"^\w$", &["a", "_"], &["é", "ſ"]);
    check(r"^\W$", &["é", "-"], &["a"]);
    check(r"^\s$", &[" ", "\t", "\n"], &["\u{A0}", "\u{B}"]);
    check(r"^\S$", &["\u{A0}", "\u{B}"], &[" "]);
    check(r"é\b", &["éa"], &["é", "éé"]);
    check(r"\B", &["", "é", "aa"], &["a", "aéa"]);
    check(r"^[\d\-é]+$", &["1-é"], &["٣"]);
    check(r"^[[:space:]]$", &["\u{B}"], &["\u{A0}"]);
    check(r"^[[:^alpha:][:upper:]]$", &["A", "1", "é"], &["a"]);
    check(r"^[[:word:]]$", &["_"], &["é"]);
}

#[test]
fn everything_else_is_unicode() {
    check("^.$", &["é", "世"], &["\n"]);
    check("^[^a]$", &["é", "\n"], &["a"]);
    check(r"^\pL\p{Greek}\P{Lu}\p{^Lu}$", &["éσaa"], &["éσAa", "1σaa", "éaaa"]);
    check(r"^\p{Old_Italic}?\p{letter}\p{^Cs}$", &["é1"], &["1é"]);
    check("(?i)^straße É$", &["STRAßE é"], &["STRASSE É"]);
    check(r"(?i)^\w\W$", &["\u{212A}é", "ſ-"], &["éa", "kſ"]);
    check("(?i)^[k]{2}$", &["K\u{212A}"], &["x"]);
}

#[test]
fn flags_hold_to_the_end_of_their_group() {
    check("(?i)a|b", &["A", "B"], &[]);
    check("(?:(?i)a)b", &["Ab"], &["AB"]);
    check("(?i:a)b", &["Ab"], &["AB"]);
    check("(?i)a(?-i:b)c", &["AbC"], &["ABC"]);
    check("(?s-i:a.b)", &["a\nb"], &["A\nb"]);
    check("(?m)^b$", &["a\nb\nc"], &["ab"]);
    check("(?U)a+?b", &["aab"], &[]);
    check("a(?i)*b", &["B", "aab"], &["c"]);
}

#[test]
fn groups_may_have_names() {
    check("(?P<year>\\d+)-(?<month_1>\\d+)", &["2026-03"], &["2026"]);
    check("(|a)+b()", &["b"], &[""]);
}

#[test]
fn escapes_mean_characters() {
    check(r"^\x41\x{1F600}\101\0\12\a\t\v$", &["A\u{1F600}A\0\n\u{7}\t\u{B}"], &[]);
    check(r"^\.\_\<\>\-\ $", &["._<>- "], &[]);
    check(r"a\z", &["a"], &["a\n"]);
    check(r"\Aa", &["a"], &["ba"]);
    check(r"^\Qa.b*\E*$", &["a.b", "a.b***"], &["aab"]);
    check(r"\Q(no end", &["(no end"], &["no end"]);
    check(r"^a\Q\E*$", &["", "aa"], &["b"]);
    check(r"\x{D800}", &[], &["", "\u{FFFD}"]);
    check(r"^[\x{D000}-\x{E000}]$", &["\u{D000}", "\u{E000}"], &["\u{E001}"]);
    check(r"[^\x{D800}]", &["a"], &[""]);
}

#[test]
fn what_is_an_operator_to_rust_alone_is_text() {
    check(r"^[a&&b]+$", &["a&b"], &["c"]);
    check(r"^[+--b]+$", &["+,-b"], &["a"]);
    check(r"^[a~~b]+$", &["~ab"], &["c"]);
    check(r"^[[a]$", &["[", "a"], &["[a"]);
    check(r"^[]a^-]+$", &["]a^-"], &["b"]);
    check(r"^[[:a]+$", &["[:a"], &["b"]);
    check(r"a\b{start}", &[r"a{start}"], &["a"]);
    check("^a{,2}$", &["a{,2}"], &["a", "aa"]);
    check("^a{x}{$", &["a{x}{"], &["a"]);
    check("^a{01}$", &["a{01}"], &["a"]);
    check("^a]}$", &["a]}"], &[]);
    check("(?i) # no comment", &[" # NO COMMENT"], &[" "]);
}

#[test]
fn counts_are_bounded_as_in_go() {
    check("^(?:a{2}){2,}$", &["aaaa", "aaaaaa"], &["aa"]);
    check("^a{1000}$", &[&"a".repeat(1000)], &[&"a".repeat(999)]);
    check("(a{1000}){0}b", &["b"], &[]);
    let expected = "invalid repeat count, at most 1000 altogether: ";
    for (pattern, shown) in [
        ("a{1001}", "{1001}"),
        ("a{3,2}", "{3,2}"),
        ("(a{100}){11}", "{11}"),
        ("a{99999999999}", "{99999999999}"),
    ] {
        check_error(pattern, &format!("{expected}{shown}"));
    }
}

#[test]
fn an_error_shows_what_is_wrong() {
    check_error("(unclosed", "a closing ) is missing");
    check_error("a)", "a ) has no opening (; write \\) for the character");
    check_error("x[a-", "a closing ] is missing for the class that begins in: [a-");
    check_error("[b-a]", "invalid character class or range: b-a");
    check_error("[[:foo:]]", "invalid character class or range: [:foo:]");
    check_error("\\p{Foo}", "invalid character class or range: \\p{Foo}");
    check_error("\\p{sc=Greek}", "invalid character class or range: \\p{sc=Greek}");
    check_error("\\p{", "invalid character class or range: \\p{");
    for escape in ["\\Z", "\\1", "\\C", "\\é", "\\x{}", "\\x4", "\\x{110000"] {
        check_error(escape, &format!("invalid escape: {escape}"));
    }
    check_error("[\\b]", "invalid escape: \\b");
    check_error("[a-\\d]", "invalid escape: \\d");
    check_error("a\\", "a backslash ends the expression; write \\\\ for the character");
    check_error("a|*", "nothing to repeat before: *");
    check_error("{2}", "nothing to repeat before: {2}");
    check_error("a**", "a repetition directly after another: **");
    check_error("a{2}??", "a repetition directly after another: {2}??");
    check_error("(?=a)", "invalid or unsupported syntax after (?: (?=");
    check_error("(?i-)", "invalid or unsupported syntax after (?: (?i-)");
    check_error("(?<=a)", "invalid name of a group: (?<=a)");
    check_error("(?P<a b>c)", "invalid name of a group: (?P<a b>");
    check_error(&"(".repeat(200), "groups are nested too deeply, at most 100 levels");
}

#[test]
fn a_bad_entry_is_reported_and_the_others_stay() {
    let list = ["(unclosed".to_owned(), "good".to_owned()];
    let (patterns, errors) = Patterns::compile(&list);
    assert_eq!(errors.iter().map(|error| error.index).collect::<Vec<_>>(), [0]);
    let text = errors.first().unwrap().to_string();
    assert_eq!(text, "entry 0 is not a regular expression that can be used: (unclosed");
    assert!(patterns.any_match("is good"));
    assert!(!patterns.was_empty());
    assert!(Patterns::compile(&[]).0.was_empty());

    let (_, errors) = Patterns::compile(&["x".repeat(1 << 20)]);
    assert!(errors.first().unwrap().to_string().len() < 300);
}

#[test]
fn expressions_that_would_fill_the_memory_are_refused() {
    let compile = |list: &[String]| {
        Patterns::compile(list).1.into_iter().map(|error| error.source).collect::<Vec<_>>()
    };
    assert!(matches!(
        compile(&["\\pL{1000}".to_owned()]).as_slice(),
        [CompilePatternError::TooLarge(_)]
    ));
    assert_eq!(compile(&["a".repeat(16 << 10)]), []);
    assert_eq!(
        compile(&["a".repeat((16 << 10) + 1)]),
        [CompilePatternError::TooLong { max: 16 << 10 }]
    );
    let large = vec!["\\pL{40}".to_owned(); 10];
    assert!(matches!(compile(&large).last(), Some(CompilePatternError::TooLarge(_))));
}

#[test]
fn the_deepest_groups_fit_the_stack_of_a_thread() {
    for around in [("(", "b)*"), ("(?i:a|(?:", "){1,1}c)+")] {
        let n = 100 / around.0.matches('(').count();
        check(&format!("{}a{}", around.0.repeat(n), around.1.repeat(n)), &[], &[]);
    }
}

proptest! {
    #[test]
    fn a_quotation_matches_itself(text in "\\PC*") {
        prop_assume!(!text.contains("\\E") && !text.ends_with('\\'));
        check(&format!("^\\Q{text}\\E$"), &[&text], &[]);
    }

    #[test]
    fn escaped_text_matches_itself(text in any::<String>()) {
        let escaped: String = text.chars().map(|letter| format!("\\x{{{:x}}}", u32::from(letter))).collect();
        check(&format!("^{escaped}$"), &[&text], &[]);
        let members = format!("^[^{escaped}a]$");
        check(&members, &[], &[text.get(0..1).unwrap_or("a")]);
    }

    #[test]
    fn any_text_is_an_expression_or_an_error(pattern in any::<String>()) {
        let _compiled = Patterns::compile(&[pattern]);
    }

    #[test]
    fn what_is_read_can_always_be_compiled(
        tokens in prop::collection::vec(
            prop::sample::select(vec![
                "a", "k", "é", "[", "]", "^", "-", "[:alpha:]", "[^", "(", ")", "(?i)", "(?i:", "(?-s:", "|", "*", "+",
                "?", "{2}", "{,3}", "{1,", "}", ".", "$", "\\b", "\\B", "\\d", "\\W", "\\pL", "\\PN", "\\x{D800}",
                "\\Q", "\\E", "\\12", "&&", "--", "~~", "#", " ", "\n",
            ]),
            0..12,
        ),
        text in any::<String>(),
    ) {
        let (patterns, errors) = Patterns::compile(&[tokens.concat()]);
        let _is_found = patterns.any_match(&text);
        for error in errors {
            prop_assert!(!matches!(error.source, CompilePatternError::Unsupported(_)), "{error:?}");
        }
    }
}
