//! A tutorial for authors, followed as it is written: its five commands are run, and the demo's receiver shows the message.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::Value;

use crate::herald::{output_within, root};

/// How long the five commands may take: they install tools, and compile CPython in a debug build.
const IN_ALL: Duration = Duration::from_secs(600);

/// What came of it.
pub struct Followed {
    /// What the commands printed, their errors at the end.
    pub printed: String,
    /// The request line that the receiver showed.
    pub request: String,
    /// The body that it showed.
    pub body: Value,
}

/// Follows this tutorial of `guests/` in a folder. `environment` says what its commands find.
///
/// # Panics
/// It has not five commands and a receiver, or a command fails.
#[must_use]
pub fn follow(
    name: &str,
    dir: &Path,
    environment: impl Fn(&mut Command) -> &mut Command,
) -> Followed {
    let text = fs::read_to_string(root().join("guests").join(name)).unwrap();
    let (commands, receiver) = (blocks(&text, "sh"), blocks(&text, "sh receiver"));
    assert_eq!((commands.len(), receiver.len()), (5, 1), "five commands and a receiver");

    // Port 8088 may be somebody else's here.
    let mut receiver = environment(
        Command::new("bash").args(["-c", &format!("exec {} 127.0.0.1:0", receiver[0])]),
    )
    .stdout(Stdio::piped())
    .spawn()
    .unwrap();
    let mut shown = BufReader::new(receiver.stdout.take().unwrap()).lines();
    let listening = shown.next().unwrap().unwrap();
    let address = listening.strip_prefix("listening at http://").unwrap();

    let mut script = String::from("set -e\n");
    for (number, command) in (1..).zip(&commands) {
        script.push_str(&format!("{command}\n"));
        if number == 1 {
            script
                .push_str(&format!("sed -i 's/127.0.0.1:8088/{address}/' example/provider.yaml\n"));
        }
    }
    let mut follows = Command::new("bash");
    environment(follows.args(["-c", &script])).current_dir(dir);
    let run = output_within(&mut follows, IN_ALL);
    let said = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let printed = said(&run.stdout) + &said(&run.stderr);
    if run.status.code() != Some(0) {
        receiver.kill().unwrap();
        panic!("{name}: {printed}");
    }

    // It shows what it got a moment later; the body is JSON over several lines.
    let mut message: Vec<String> = Vec::new();
    while message.last().is_none_or(|line| line != "}") {
        message.push(shown.next().unwrap().unwrap());
    }
    receiver.kill().unwrap();
    receiver.wait().unwrap();
    let request = message.remove(0);
    Followed { printed, request, body: serde_json::from_str(&message.join("\n")).unwrap() }
}

/// The blocks of code of this kind.
fn blocks(text: &str, info: &str) -> Vec<String> {
    let fence = format!("```{info}\n");
    let blocks = text.split(&fence).skip(1);
    blocks.map(|rest| rest.split("```").next().unwrap().trim().to_owned()).collect()
}
