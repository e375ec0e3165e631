//! What is said at a prompt.

use super::*;

fn desk() -> Desk {
    let mut desk = Desk::new();
    desk.learn(
        "login",
        3,
        "> the login form must show why a password was refused
         Read ~/app/src/login/form.ts :: LoginForm renderRefusal
         Edit ~/app/src/login/form.ts :: LoginForm renderRefusal
         Edit ~/app/src/login/messages.ts :: refusalMessages",
    );
    desk.learn(
        "login again",
        2,
        "> login: translate the messages of a refused password
         Edit ~/app/src/login/form.ts :: LoginForm
         Edit ~/app/src/login/messages.ts :: refusalMessages",
    );
    for n in 0..4 {
        desk.learn(
            &format!("other {n}"),
            2,
            &format!("> speed up the report of kind {n}\nEdit ~/app/src/report/kind{n}.ts :: buildKind{n}"),
        );
    }
    desk
}

fn named(lines: &[String]) -> Vec<&str> {
    let line = lines.iter().find_map(|line| line.strip_prefix("like prompts led to work on "));
    line.map_or(Vec::new(), |line| line.split(", ").collect())
}

#[test]
fn the_weights_decide_which_files_are_named() {
    let mut desk = desk();
    let prompt = "the login form shows the wrong refusal messages";
    let shipped = desk.prompt("shipped", prompt);
    assert!(!named(&shipped).is_empty(), "{shipped:?}");
    desk.weigh(Some(&Weights::with_constant(-90.0)));
    assert!(named(&desk.prompt("never", prompt)).is_empty());
    desk.weigh(None);
    assert_eq!(desk.prompt("shipped again", prompt), shipped);
}

#[test]
fn names_the_files_that_like_prompts_led_to() {
    let desk = desk();
    let lines = desk.prompt("s", "the login form shows the wrong refusal messages");
    let mut best = named(&lines);
    best.truncate(2);
    best.sort_unstable();
    assert_eq!(best, ["src/login/form.ts", "src/login/messages.ts"]);
    let lines = desk.prompt("t", "where does renderRefusal get its text?");
    assert_eq!(named(&lines)[0], "src/login/form.ts");
    let lines = desk.prompt("u", "please tidy up kind3.ts");
    assert_eq!(named(&lines)[0], "src/report/kind3.ts");
    let lines = desk.prompt("v", "please tidy up src/login/messages.ts");
    assert_eq!(named(&lines)[0], "src/login/messages.ts");
}

#[test]
fn small_talk_gets_no_answer() {
    let desk = desk();
    for said in ["", "yes", "ok go on", "  thanks  ", "what is the weather like in Paris?"] {
        assert_eq!(desk.prompt("s", said), [""; 0], "{said}");
    }
}

#[test]
fn what_the_session_works_on_is_not_named_but_its_company_is() {
    let desk = desk();
    desk.before("s", "Edit", "/home/dev/app/src/login/form.ts");
    let lines = desk.prompt("s", "now the login messages of the form");
    assert_eq!(named(&lines), ["src/login/messages.ts"]);
}

#[test]
fn a_file_is_named_again_only_as_often_as_its_chance_allows() {
    let desk = desk();
    let vague = "the refused password of a login, translate it";
    // Each time that it is named and not opened, the chance has to be higher.
    let times = (0..30).take_while(|_| !named(&desk.prompt("s", vague)).is_empty()).count();
    assert!((2..30).contains(&times), "{times}");
    // A sure one is named all the same.
    let lines = desk.prompt("s", "src/login/form.ts should look like src/report/kind2.ts");
    assert!(named(&lines).contains(&"src/report/kind2.ts"), "{lines:?}");
    assert!(named(&lines).contains(&"src/login/form.ts"), "{lines:?}");
}

#[test]
fn tells_what_was_decided_on_the_subject() {
    let mut desk = desk();
    let said = "the export writes CSV with semicolons, never commas";
    desk.put("d", decision("d", said, false, 1));
    for n in 0..30 {
        let other = format!("button number{n} gets colour{n} on page{n}");
        desk.put(&format!("o{n}"), decision("o", &other, false, 1));
    }
    let line = format!("user: \"{said}\" (yesterday)");
    let asked = "the CSV export needs semicolons between the columns";
    assert!(desk.prompt("s", asked).contains(&line));
    assert!(!desk.prompt("s", asked).contains(&line), "not twice");
    assert!(!desk.prompt("t", "where is the export button on the page?").contains(&line));
}
