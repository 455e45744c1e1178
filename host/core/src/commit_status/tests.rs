use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

fn objects() -> [Value; 3] {
    let event = json!({
        "involvedObject": {"kind": "Kustomization", "namespace": "apps", "name": "Storefront"},
        "severity": "error",
        "metadata": {"foo": "Bar", "env": "prod-eu"},
    });
    let alert = json!({"metadata": {"name": "on-github", "namespace": "notify", "labels": null}});
    let provider = json!({
        "metadata": {"uid": "0c9c2e41-d2f9-4f9b-9c41-bebc1984d67a", "generation": 3},
        "spec": {"suspend": false, "tags": ["a", "b"]},
    });
    [event, alert, provider]
}

fn evaluate(source: &str) -> Result<String, EvaluateExprError> {
    let [event, alert, provider] = objects();
    CommitStatusExpr::compile(source)
        .unwrap_or_else(|error| panic!("{source}: {error}"))
        .evaluate(&event, &alert, &provider)
}

#[track_caller]
fn check(source: &str, expected: &str) {
    assert_eq!(evaluate(source).as_deref(), Ok(expected), "{source}");
}

#[track_caller]
fn check_compile(source: &str, expected: &CompileExprError) {
    assert_eq!(CommitStatusExpr::compile(source).as_ref(), Err(expected), "{source}");
}

#[test]
fn the_default_is_kind_name_and_the_first_part_of_the_uid() {
    let mut event = Event::default();
    event.involved_object.kind = "Kustomization".to_owned();
    event.involved_object.name = "gitops-system".to_owned();
    assert_eq!(
        default_id(&event, "0c9c2e41-d2f9-4f9b-9c41-bebc1984d67a"),
        "kustomization/gitops-system/0c9c2e41"
    );
    assert_eq!(default_id(&event, ""), "kustomization/gitops-system/");
}

#[test]
fn the_documented_expressions_work() {
    check(
        "(event.involvedObject.kind + '/' + event.involvedObject.name + '/' + event.metadata.foo + '/' + provider.metadata.uid.split('-').first().value()).lowerAscii()",
        "kustomization/storefront/bar/0c9c2e41",
    );
    check(
        "(event.involvedObject.kind + '/' + event.involvedObject.name + '/' + alert.metadata.name + '/' + provider.metadata.uid.split('-').first().value()).lowerAscii()",
        "kustomization/storefront/on-github/0c9c2e41",
    );
}

#[test]
fn the_strings_library_works() {
    check("'a-b-c'.split('-', 2)[1]", "b-c");
    check("'a-b-c'.split('-').last().value()", "c");
    check("['a', 'b'].join('/') + ['c'].join()", "a/bc");
    check("'abc'.upperAscii()", "ABC");
    check("'aXbX'.replace('X', '-') + 'aXbX'.replace('X', '-', 1)", "a-b-a-bX");
    check("'héllo'.substring(1) + 'héllo'.substring(1, 2)", "élloé");
    check("' \\t x '.trim()", "x");
    check("'abc'.charAt(1)", "b");
    check("string('tacocat'.indexOf('a')) + string('tacocat'.lastIndexOf('a'))", "15");
    check("'%s has %d'.format(['x', 3])", "x has 3");
    check("'abc'.reverse()", "cba");
    check("strings.quote('a\"b')", "\"a\\\"b\"");
}

#[test]
fn optionals_macros_sets_encoders_and_patterns_work() {
    check("[].first().orValue('none')", "none");
    check("event.metadata.?missing.orValue('none')", "none");
    check("event.metadata[?'foo'].orValue('none')", "Bar");
    check("has(event.metadata.missing) ? event.metadata.missing : 'none'", "none");
    check("provider.spec.tags.map(tag, tag + '!').join(',')", "a!,b!");
    check("provider.spec.tags.exists(tag, tag == 'a') ? 'yes' : 'no'", "yes");
    check("sets.contains(['a', 'b'], ['b']) ? 'yes' : 'no'", "yes");
    check("sets.contains(['a'], ['a', 'b']) ? 'yes' : 'no'", "no");
    check("sets.equivalent(['a', 'b', 'a'], provider.spec.tags) ? 'yes' : 'no'", "yes");
    check("sets.intersects(provider.spec.tags, ['c']) ? 'yes' : 'no'", "no");
    check("base64.encode(b'hi')", "aGk=");
    check("event.metadata.env.matches('^prod-') ? 'p' : 'd'", "p");
    check("type(event.severity) == string ? 'yes' : 'no'", "yes");
    check("event.metadata.foo", "Bar");
}

#[test]
fn numbers_compare_across_types_and_print_as_flux_prints_them() {
    check("provider.metadata.generation > 2 ? 'new' : 'old'", "new");
    check("provider.metadata.generation == 3 ? 'yes' : 'no'", "yes");
    check("string(provider.metadata.generation)", "3");
    check("1 < 1.5 && 2u > 1 ? 'yes' : 'no'", "yes");
}

#[test]
fn a_missing_field_is_named() {
    for source in
        ["event.metadata.missing", "event.metadata['missing'] + ''", "provider.missing.x + ''"]
    {
        assert_eq!(
            evaluate(source),
            Err(EvaluateExprError::MissingKey { key: "missing".to_owned() }),
            "{source}"
        );
    }
    let text = evaluate("event.metadata.missing").unwrap_err().to_string();
    assert!(text.contains("`missing`") && text.contains("`.?missing.orValue('…')`"), "{text}");
}

#[test]
fn a_result_that_is_no_text_is_an_error() {
    for (source, found) in [
        ("1 + 1", "int"),
        ("true", "bool"),
        ("event.metadata", "map"),
        ("['a']", "list"),
        ("alert.metadata.labels", "null"),
    ] {
        assert_eq!(
            evaluate(source),
            Err(EvaluateExprError::NotAString { found: found.to_owned() }),
            "{source}"
        );
    }
    assert!(matches!(
        evaluate("'a'.split('-').first()"),
        Err(EvaluateExprError::NotAString { .. })
    ));
    assert_eq!(evaluate("''"), Err(EvaluateExprError::Empty));
    assert_eq!(evaluate("event.metadata.foo.substring(3)"), Err(EvaluateExprError::Empty));
}

#[test]
fn other_failures_say_what_the_language_says_in_one_line() {
    for source in
        ["[].first().value()", "'a' + 1", "'abc'.substring(9)", "'a'.split(1)[0]", "['a'][7]"]
    {
        let error = evaluate(source).unwrap_err();
        assert!(matches!(error, EvaluateExprError::Failed(_)), "{source}: {error:?}");
        assert!(
            error.to_string().chars().count() < 400 && !error.to_string().contains('\n'),
            "{error}"
        );
    }
    let long = json!({"metadata": {"foo": "x\n".repeat(5_000)}});
    let expression = CommitStatusExpr::compile("event.metadata.foo + 1").unwrap();
    let text = expression.evaluate(&long, &Value::Null, &Value::Null).unwrap_err().to_string();
    assert!(text.chars().count() < 400, "{text}");
}

#[test]
fn unknown_names_are_found_when_compiling() {
    let variable = |name: &str| CompileExprError::UnknownVariable { name: name.to_owned() };
    let function = |name: &str| CompileExprError::UnknownFunction { name: name.to_owned() };
    check_compile("evnt.metadata.foo", &variable("evnt"));
    check_compile("'a' + x", &variable("x"));
    check_compile("provider.spec.tags.map(tag, tag + x)", &variable("x"));
    check_compile("[1].map(y, y).size() == 1 ? y : ''", &variable("y"));
    check_compile("event.metadata.foo.lowerascii()", &function("lowerascii"));
    check_compile("lower(event.metadata.foo)", &function("lower"));
    check_compile("sets.union(['a'], ['b'])", &variable("sets"));
    let text = CommitStatusExpr::compile("evnt.x").unwrap_err().to_string();
    assert!(text.contains("`evnt`") && text.contains("`provider`"), "{text}");
}

#[test]
fn syntax_errors_say_where_they_are() {
    let error = CommitStatusExpr::compile("event.metadata.foo +\n + 'x' )").unwrap_err();
    let CompileExprError::Syntax { line, .. } = &error else { panic!("{error:?}") };
    assert_eq!(*line, 2);
    for source in [
        "",
        " ",
        "'a",
        "event.",
        "a b",
        "(((",
        "event.metadata['x'",
        "1 +",
        "\\",
        "`",
        "é",
        "\u{0}",
    ] {
        let error = CommitStatusExpr::compile(source).unwrap_err();
        assert!(matches!(error, CompileExprError::Syntax { .. }), "{source:?}: {error:?}");
    }
}

#[test]
fn long_and_deep_expressions_are_refused_before_they_cost_the_stack() {
    check_compile(&"'a'+".repeat(2_000), &CompileExprError::TooLong { n_bytes: 8_000 });
    check_compile(&format!("event{}", ".a".repeat(2_000)), &CompileExprError::TooDeep);
    for [open, close] in
        [["(", ")"], ["[", "]"], ["{1:", "}"], ["size(", ")"], ["[1].map(x,", ")"], ["event[", "]"]]
    {
        let deep = format!("{}1{}", open.repeat(200), close.repeat(200));
        assert_eq!(
            CommitStatusExpr::compile(&deep).err(),
            Some(CompileExprError::TooDeep),
            "{open}"
        );
    }
    for source in [
        "!".repeat(4_000) + "true",
        "-".repeat(4_000) + "1",
        "'a'+".repeat(1_000) + "'a'",
        "true?'a':".repeat(400) + "'b'",
        "event".to_owned() + &".a".repeat(2_000),
        "true||".repeat(600) + "true",
        "'a'".to_owned() + &".trim()".repeat(500),
        "[1]".to_owned() + &"[0]".repeat(1_000),
        "1<".repeat(1_500) + "1",
    ] {
        // Whatever it says of them, it says it without running out of stack.
        if let Ok(expression) = CommitStatusExpr::compile(&source) {
            drop(expression.evaluate(&Value::Null, &Value::Null, &Value::Null));
        }
    }
}

#[test]
fn loops_nest_twice_at_most() {
    check("['a', 'b'].map(x, ['c'].map(y, x + y).join()).join()", "acbc");
    check("['a'].map(x, x).join() + ['b'].map(x, x).join() + ['c'].map(x, x).join()", "abc");
    let nested = "['a'].map(x, ['b'].map(y, ['c'].map(z, z).join()).join()).join()";
    check_compile(nested, &CompileExprError::TooDeep);
}

#[test]
fn a_compiled_expression_is_shared_between_threads() {
    fn shared<T: Send + Sync>(_: &T) {}
    let expression = CommitStatusExpr::compile("event.severity").unwrap();
    shared(&expression);
    assert_eq!(expression.source(), "event.severity");
    assert_eq!(format!("{expression:?}"), "CommitStatusExpr(\"event.severity\")");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn compile_and_evaluate_never_panic(
        source in "((event|alert|provider|x|'a'|1|1\\.5|\\[\\]|\\{\\})(\\.[a-z]{1,6}|\\.split\\('-'\\)|\\.first\\(\\)|\\[0\\]|\\.substring\\(-?[0-9]\\)|)( \\+ | - | / | % | < | in | \\? | : | && |\\(|\\)| ){0,2}){1,5}",
        noise in "\\PC{0,30}",
    ) {
        let [event, alert, provider] = objects();
        for text in [source, noise] {
            if let Ok(expression) = CommitStatusExpr::compile(&text) {
                drop(expression.evaluate(&event, &alert, &provider));
            }
        }
    }
}
