//! Made-up texts with planted names, none of which may be left, and harmless ones, which stay.

use super::tests::{sanitiser, wording};
use super::*;

/// Somebody and where they work.
struct Person {
    login: &'static str,
    name: &'static str,
    mail: &'static str,
    host: &'static str,
    root: &'static str,
}

const PEOPLE: &[Person] = &[
    Person {
        login: "lovelace",
        name: "Ada Lovelace",
        mail: "ada@engines.io",
        host: "adas-macbook-pro",
        root: "/home/lovelace/src/difference",
    },
    Person {
        login: "jdoe",
        name: "Jane Doe",
        mail: "jane.doe+git@corpmail.de",
        host: "wks-4711",
        root: "/Users/jdoe/Code/ledger",
    },
    Person {
        login: "m.müller",
        name: "Mika Müller",
        mail: "m.mueller@firma.example.org",
        host: "dev-müller",
        root: "/srv/firma/ledger",
    },
    Person {
        login: "kzhang",
        name: "Kai Zhang",
        mail: "kzhang@uni.ac.uk",
        host: "gpu07",
        root: "/data/kzhang/train",
    },
    Person {
        login: "o_brien",
        name: "Pat O'Brien",
        mail: "pat@obrien.dev",
        host: "thinkpad-x1",
        root: r"C:\Users\o_brien\source\ledger",
    },
    Person {
        login: "zoë",
        name: "Zoë Quist",
        mail: "zoe@quist.nu",
        host: "zoes-imac",
        root: "/mnt/c/Users/zoë/ledger",
    },
];

/// Texts; `U` is the login, `N` the name, `M` the mail address, `H` the host, `R` the root.
const PLANTED: &[&str] = &[
    "cd {R} && make",
    "cat {R}/src/main.rs failed",
    "`rm -rf {R}/target` failed ({R}/target: Permission denied); `sudo rm -rf {R}/target` worked",
    "error: could not read '/home/{U}/.netrc'",
    "cp /Users/{U}/Desktop/plan.pdf .",
    r"type C:\Users\{U}\AppData\Roaming\x.ini",
    r#"{"cwd":"C:\\Users\\{U}\\work\\ledger"}"#,
    "ls /mnt/c/Users/{U}/Downloads",
    "open file:///home/{U}/report.html",
    "code vscode://file/Users/{U}/x/y.ts:3:1",
    "ls ~{U}/public_html",
    "git config user.email {M}",
    "git config user.name '{N}'",
    "git commit --author=\"{N} <{M}>\"",
    "Co-authored-by: {N} <{M}>",
    "Signed-off-by: {N} <{M}>",
    "mail the log to {M}, please",
    "open mailto:{M}?subject=x",
    "https://example.org/login?user={M}&x=1",
    "ssh {U}@{H} uptime",
    "scp a.txt {U}@{H}:/srv/{U}/a.txt",
    "rsync -av dist/ {H}:/var/www/{U}/",
    "[{U}@{H} ledger]$ make",
    "{U}@{H}:~/ledger$ make",
    "{U}@{H} ledger % make",
    "ping {H}.local",
    "curl http://{H}:8080/status",
    "curl https://{U}:hunter2x@{H}.lan/x",
    "postgres://{U}:hunter2x@{H}.internal:5432/ledger",
    "host {H} is down",
    "the user said: \"ask {N} or {U}\"",
    "chown {U}:{U} x",
    "USER={U} make",
    "sudo -u {U} make",
    "uid=1000({U}) gid=1000({U})",
    "-rw-r--r-- 1 {U} {U} 12 Jan 1 a.txt",
    "docker run -v {R}:/x -e OWNER={U} img",
    "cat /tmp/{U}-build/out.log",
    "ls /private/var/folders/ab/{U}xyz/T/x",
    "git clone git@git.{H}.corp:{U}/ledger.git",
    "ssh://git@{H}.corp/{U}/ledger.git",
    "branch {U}/fix-ledger and tag {U}-1.2",
    "PATH=/home/{U}/bin:/usr/bin",
    "gcc -I/home/{U}/include a.c",
    "error at /home/{U}/a.c:3:5: undefined",
    "{\"path\":\"/home/{U}/a.c\",\"host\":\"{H}\"}",
    "GET /open?file=%2Fhome%2F{U}%2Fledger",
    "export KUBECONFIG=/home/{U}/.kube/config",
    "cat \"/Users/{U}/My Work/{U} ledger/a.rs\"",
    "{H}\\{U} logged in",
    "\\\\{H}\\share\\{U}\\a.txt",
    "set -x; HOSTNAME={H}; LOGNAME={U}",
    "<{M}> wrote",
    "@author {N}",
];

/// What must not be left, though nobody told of it: `@` is the secret part.
const UNTOLD: &[(&str, &str)] = &[
    ("cat /home/@/notes.md", "strangeuser"),
    ("ls /Users/@/x", "strangeuser"),
    ("ls /data/users/@/x", "strangeuser"),
    ("ls ~/.claude/projects/-Users-@-ledger", "strangeuser"),
    ("cat /root/@/x/y.rs", "secretclient"),
    ("cd ~/@/a/b", "secretclient"),
    ("cd /srv/@/a/b", "secretclient"),
    ("cat /acme/@/src/a/b.rs", "secretclient"),
    (r"type D:\@\src\a\b.rs", "secretclient"),
    ("vim .claude/worktrees/@/src/a.rs", "secretclient"),
    ("write to @", "some.body@somewhere.org"),
    ("ssh @", "root@10.1.2.3"),
    ("ssh -i key.pem @", "deploy@prod.somewhere.org"),
    ("git remote add origin @", "git@github.com:secretorg/secretrepo.git"),
    ("git clone @", "ssh://git@bitbucket.org/secretorg/secretrepo.git"),
    ("curl @", "http://192.168.7.9:9200/index"),
    ("curl @", "https://jira.secretorg.corp/browse/AB-1"),
    ("nc @ 22", "172.20.3.4"),
    ("nc @ 22", "100.101.102.103"),
    ("ping6 @", "fd12:3456:789a::1"),
    ("ping6 @%eth0", "fe80::1ff:fe23:4567:890a"),
    ("link/ether @ brd", "00:1b:44:11:3a:b7"),
    ("host @", "build01.secretorg.internal"),
    ("host @", "ip-10-0-3-7.eu-west-1.compute.internal"),
    ("psql -h @ -U app", "ledger.c9akciq32.eu-west-1.rds.amazonaws.com"),
    ("docker push @/img", "123456789012.dkr.ecr.eu-west-1.amazonaws.com"),
    ("role @", "arn:aws:iam::123456789012"),
    ("open https://@/x", "secretorg.atlassian.net"),
    ("ngrok at https://@", "ab12cd34.ngrok-free.app"),
    ("ssh @", "dev-box.tail1234.ts.net"),
    ("session @", "9bad2d76-e873-4a87-932a-a62da8e61684"),
    ("aws s3 ls s3://@/x", "secretorg-backups"),
    ("key @", concat!("AKI", "ATTOFJYU7JSJC3IBO")),
    ("key @", concat!("ghp", "_0123456789abcdefghijABCDEFGHIJ012345")),
    (
        "key @",
        concat!(
            "sk-ant",
            "-api03-Zm9vYmFyYmF6cXV4Zm9vYmFyYmF6cXV4Zm9vYmFyYmF6cXV4Zm9vYmFyYmF6cXV4Zm9vYmFyYmF6cXV4Zm9vYmFyYmF6cXV4Zm9vAA"
        ),
    ),
    ("DB_PASSWORD=@", "hunter2hunter"),
    ("curl -u admin:@ https://x.org", "hunter2hunter"),
    ("redis://:@@cache:6379", "hunter2hunter"),
];

/// Ways in which a text stands in another.
const AROUND: &[&str] = &["@", "`@` failed; `make` worked", "then I ran\n@\nand saw \"x\"", "(@)"];

fn fill(shape: &str, person: &Person) -> String {
    [
        ("{U}", person.login),
        ("{N}", person.name),
        ("{M}", person.mail),
        ("{H}", person.host),
        ("{R}", person.root),
    ]
    .iter()
    .fold(shape.to_owned(), |text, (hole, value)| text.replace(hole, value))
}

#[test]
fn no_planted_name_is_left() {
    let mut leaks = Vec::new();
    let mut count = 0;
    for person in PEOPLE {
        let of = |name: &str| vec![name.to_owned()];
        let identity = Identity {
            homes: of(&format!("/home/{}", person.login)),
            users: vec![person.login.into(), person.name.into()],
            hosts: of(person.host),
            roots: of(person.root),
            mails: of(person.mail),
        };
        let own = Sanitiser::new(&identity, &[1; 32], true, true);
        for shape in PLANTED {
            let text = fill(shape, person);
            for around in AROUND {
                let text = around.replace('@', &text);
                let left = own.clean(wording(&text)).wording.text;
                let lower = left.to_lowercase();
                let family = person.name.split(' ').next_back().expect("everybody has one");
                for planted in [
                    person.login,
                    person.name,
                    family,
                    person.mail,
                    person.host,
                    "hunter2x",
                    "/home/",
                    "/users/",
                    "~/",
                ] {
                    if lower.contains(&planted.to_lowercase()) {
                        leaks.push(format!("{planted}: {text}\n  -> {left}"));
                    }
                }
                count += 1;
            }
        }
    }
    assert!(count >= 200, "{count}");
    assert!(leaks.is_empty(), "{} leaks of {count}\n{}", leaks.len(), leaks.join("\n"));
}

#[test]
fn nothing_that_names_somebody_by_its_form_is_left() {
    let own = Sanitiser::new(&Identity::default(), &[1; 32], true, true);
    let mut leaks = Vec::new();
    for (shape, planted) in UNTOLD {
        for around in AROUND {
            let text = around.replace('@', &shape.replacen('@', planted, 1));
            let left = own.clean(wording(&text)).wording.text;
            if left.contains(planted) {
                leaks.push(format!("{planted}: {text}\n  -> {left}"));
            }
        }
    }
    assert!(leaks.is_empty(), "{} leaks\n{}", leaks.len(), leaks.join("\n"));
}

/// Commands and remarks that name nobody. `{}` is one of [`WORDS`].
const HARMLESS: &[&str] = &[
    "cargo test -p {} --lib",
    "cargo clippy --all-targets -- -D warnings",
    "cargo run --bin {} -- --help",
    "npm install {}@18.2.0",
    "npm run {}:test -- --watch=false",
    "pnpm --filter @scope/{} build",
    "yarn workspace @org/{} lint",
    "bun test src/{}.test.ts",
    "npx -y {}@latest init",
    "go test ./cmd/{}/... -run 'TestA|TestB' -count=1",
    "go get golang.org/x/{}@v0.3.1",
    "python3 -m pytest tests/test_{}.py::test_x -q",
    "pip install {}==1.26.4",
    "uv run ruff check {}/",
    "docker compose up -d {} && docker compose logs -f {}",
    "docker run --rm -p 8080:80 ghcr.io/owner/{}:v1.2.3",
    "kubectl get pods -n {} -o wide",
    "git checkout -b feature/{}-x origin/main",
    "git rebase -i HEAD~3 && git push --force-with-lease",
    "git log main..{} --oneline -- src/{}",
    "git show HEAD~1:src/{}/mod.rs",
    "gh pr view 123 --json title,body",
    "make -j8 {} CFLAGS='-O2 -g'",
    "cmake --build build --target {}",
    "mvn -pl {} test -Dtest=ATest#b",
    "./gradlew :{}:test --info",
    "terraform plan -var-file=env/{}.tfvars",
    "curl -s http://localhost:3000/api/{}/1?x=2",
    "curl -fsSL https://example.com/{}.json",
    "psql postgres://localhost:5432/{}_test",
    "redis-cli -h 127.0.0.1 -p 6379 get {}",
    "sed -i 's/{}/b/g' src/{}.rs",
    "rg -n '{}::new\\(' src tests",
    "find . -name '{}*.ts' -not -path './node_modules/*'",
    "#!/usr/bin/env bash {}",
    "cat /etc/hosts | grep {} > /dev/null 2>&1",
    "ls -la src/{}/index.tsx",
    "src/{}/mod.rs:12:5: error[E0308]: mismatched types",
    "error TS2307: Cannot find module '@testing-library/{}'.",
    "use `{}` instead of `unwrap()` in src/lib.rs",
    "the user said: \"no {} in tests, use fixtures\"",
    "`src/{}.ts` does not exist; the file is `src/{}.tsx`",
    "see https://docs.rs/{}/latest/{}/struct.X.html",
    "https://github.com/owner/{}/issues/12#issuecomment-3",
    "FAIL src/{}.test.ts > adds 1 + 2 (12 ms)",
    "the {} endpoint GET /api/v1/{}/:id returns 404",
];

const WORDS: &[&str] =
    &["parser", "http-client", "user_service", "auth", "billing", "webApp", "core2"];

/// Texts that look like what is taken out.
const ALIKE: &[&str] = &[
    "export PATH=$HOME/.local/bin:$PATH",
    "echo ${HOME}/.cargo/bin/$TOOL",
    "cd ~ && ls",
    "a ~ b, ~5 s, ~/",
    "ssh-keygen -t ed25519",
    "use ssh instead of https",
    "git clone https://github.com/rust-lang/rust.git",
    "git remote set-url origin https://gitlab.com/group/project.git",
    "uses: actions/setup-node@v4",
    "image: postgres:16-alpine@sha256:0a1b2c3d",
    "icon@2x.png logo@3x.webp",
    "@decorator def f(self): return a @ b",
    "this@MainActivity return@forEach",
    "1.2.3.4-beta.1 and Chrome/120.0.6099.109 Safari/537.36",
    "version 10.15.7, node v20.11.1, rust 1.95.0",
    "0.0.0.0:8000 127.0.0.1:5432 [::1]:80 255.255.255.0",
    "std::sync::Arc a::b::c fe::x::y 00:00:00 12:34:56",
    "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "commit 3f2a9c1d4e5b6a7988776655443322110ffeeddc",
    "settings.local.json .env.local config.local.yaml",
    "com.example.internal.Handler and internal/handler.go",
    "app.local.ts main.internal.rs",
    "/compact /clear /review 12",
    "import { x } from '@/components/ui/button'",
    "import x from '~/utils/x'",
    "app/routes/users/[id]/page.tsx",
    "GET /users/:id POST /feed/items",
    "s/foo/bar/g and /^a.*b$/ and 3/4/2025",
    "/path/to/file /your/project/src",
    "a/b/c ./a/b ../a/b .github/workflows/ci.yml",
    "/usr/local/bin/node /usr/lib/x86_64-linux-gnu /bin/sh /dev/null",
    "/proc/self/status /sys/class/net /var/log/syslog /opt/homebrew/bin/brew",
    "/nix/store/abc-hello/bin/hello",
    "<div class=\"x\"><user id=\"1\"/></div> Vec<u8> a < b",
    "-home-dir x --data-dir y -work-tree -tmp-x -var-file=a",
    "user.name is required; user.name.length === 3; user.email",
    "const user = await getUser(host, port)",
    "host: localhost, user: root, home: x",
    "POSTGRES_USER=postgres USER=root sudo -u postgres psql",
    "chown -R www-data:www-data storage",
    "Author: required; author = null",
    "noreply@github.com user@example.com test@test.com",
    "Co-Authored-By: Claude <noreply@anthropic.com>",
    "http://host.docker.internal:11434 http://db:5432 http://redis:6379/0",
    "https://www.npmjs.com/package/react?activeTab=versions",
    "ws://localhost:8080/socket wss://echo.example.org/x",
    "mongodb://localhost:27017/test amqp://rabbitmq:5672",
    "https://$TOKEN@github.com/a/b https://${USER}:${PASS}@github.com/a/b",
    "s.internal = 1; x.local = 2; foo.corp_name",
    "tel 555-0100, 2026-01-02T03:04:05Z, 1_000_000",
    "日本語のテキスト und Grüße, naïve – “x” … →",
    "cargo bench --bench x -- --save-baseline main",
    "rm -rf node_modules package-lock.json && npm ci",
    "[link](docs/a.md) ![img](img/a.png)",
    "if [ -f .env ]; then source .env; fi",
    "awk -F: '{print $1}' /etc/passwd",
    "tar xzf x-1.2.3.tar.gz -C /usr/local --strip-components=1",
    "error: EACCES: permission denied, open '/etc/hosts'",
    "http://[::1]:3000/ http://0.0.0.0:8000/",
    "python -c 'import os; os.environ[\"HOME\"]'",
    "systemctl --user restart getty@tty1.service",
    "brew install postgresql@14 python@3.12",
    "00000000-0000-0000-0000-000000000000",
    "msg_type call_count run_all_tests session_start",
    "ABCDEFGHIJKLMNOPQRSTUVWXYZ 0123456789",
];

#[test]
fn hardly_any_harmless_text_is_changed() {
    let own = sanitiser();
    let mut texts: Vec<String> = ALIKE.iter().map(ToString::to_string).collect();
    for shape in HARMLESS {
        texts.extend(WORDS.iter().map(|word| shape.replace("{}", word)));
    }
    texts.sort();
    texts.dedup();
    let changed: Vec<String> = texts
        .iter()
        .filter_map(|text| {
            let done = own.clean(wording(text));
            let left = &done.wording.text;
            (left != text).then(|| format!("{text}\n  -> {left} {:?}", done.findings))
        })
        .collect();
    assert!(texts.len() >= 300, "{}", texts.len());
    assert!(
        changed.len() * 100 <= texts.len(),
        "{} of {}\n{}",
        changed.len(),
        texts.len(),
        changed.join("\n")
    );
}
