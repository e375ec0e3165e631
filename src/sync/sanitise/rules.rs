//! The one table of what is changed in a text that leaves: what it is called, when it holds, how
//! it is found, and samples. The finders stand in `sanitise::find` and beside it.

use super::Sanitiser;
use super::find;

/// Which setting switches a rule off.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Switch {
    /// None.
    Always,
    /// `sanitize_paths`.
    Paths,
    /// `redact_secrets`.
    Secrets,
}

/// One sort of what must not leave.
pub(super) struct Rule {
    /// What it is called in findings and documents.
    pub(super) name: &'static str,
    /// Which setting switches it off.
    pub(super) switch: Switch,
    /// The text without it, and how often it was there; `None` when it was not.
    pub(super) apply: fn(&Sanitiser, &str) -> Option<(String, usize)>,
    /// Texts, and what becomes of them when all rules hold; keyed hashes are written `#`.
    #[cfg_attr(not(test), allow(dead_code, reason = "for the test that walks the table"))]
    pub(super) samples: &'static [(&'static str, &'static str)],
}

/// Every rule, in the order in which they are applied. The samples are those of the machine
/// `adas-macbook`, whose user is `lovelace`, with projects in `/home/lovelace/shop`,
/// `/srv/acme/api` and `C:\dev\site`.
#[rustfmt::skip]
pub(super) const RULES: &[Rule] = &[
    Rule {
        name: "home",
        switch: Switch::Always,
        apply: find::homes,
        samples: &[
            ("cat /home/bob/notes.md", "cat <path>/notes.md"),
            ("ls /Users/bob", "ls ~"),
            (r"type C:\Users\bob\x\y.txt", "type <path>/x/y.txt"),
            ("cat /mnt/c/Users/bob/x/y.txt", "cat <path>/x/y.txt"),
            ("ls /people/lovelace/x/y", "ls <path>/x/y"),
            ("/home/linuxbrew/.linuxbrew/bin/jq", "/home/linuxbrew/.linuxbrew/bin/jq"),
        ],
    },
    Rule {
        name: "secret",
        switch: Switch::Secrets,
        apply: find::secrets,
        samples: &[
            (concat!("token ghp", "_0123456789abcdefghijABCDEFGHIJ012345"), "token [secret:github]"),
            ("DB_PASSWORD=hunter2 make", "DB_PASSWORD=[secret:assigned] make"),
            ("export API_KEY=$TOKEN", "export API_KEY=$TOKEN"),
        ],
    },
    Rule {
        name: "url",
        switch: Switch::Always,
        apply: find::urls,
        samples: &[
            ("git clone https://me:hunter2x@github.com/a/b", "git clone https://<credentials>@github.com/a/b"),
            ("curl http://192.168.1.20:80/x?y=1", "curl http://<host #>:80"),
            ("see https://wiki.acme.corp/x/Billing.", "see https://<host #>."),
            ("aws s3 cp a.txt s3://acme-billing/b/c", "aws s3 cp a.txt s3://<host #>"),
            ("postgres://ada@buildbox:5432/shop", "postgres://<credentials>@<host #>:5432"),
            ("mongodb://a:b@db1.acme.lan:27017,db2.acme.lan:27017/x", "mongodb://<credentials>@<host #>"),
            ("ssh://git@git.acme.io/x/y.git", "<ssh #>"),
            ("curl http://localhost:3000/api/users/1", "curl http://localhost:3000/api/users/1"),
            ("https://github.com/rust-lang/rust/pull/3#issue-4", "https://github.com/rust-lang/rust/pull/3#issue-4"),
            ("redis://redis:6379/0 http://api:8080/x", "redis://redis:6379/0 http://api:8080/x"),
            ("http://host.docker.internal:11434/v1", "http://host.docker.internal:11434/v1"),
            ("https://$USER:$TOKEN@github.com/a/b", "https://$USER:$TOKEN@github.com/a/b"),
            ("resource://docs/readme chrome://version", "resource://docs/readme chrome://version"),
        ],
    },
    Rule {
        name: "path",
        switch: Switch::Paths,
        apply: find::paths,
        samples: &[
            ("cat ~/shop/src/a.rs:10", "cat src/a.rs:10"),
            ("cd ~/shop && ls", "cd . && ls"),
            ("cd /srv/acme/api/web/", "cd web/"),
            (r"type C:\dev\site\src\a.ts", "type src/a.ts"),
            ("cat /mnt/c/dev/site/a.ts", "cat a.ts"),
            ("vim ~/shop/.claude/worktrees/fix-1/src/a.rs", "vim src/a.rs"),
            ("vim ~/other/.worktrees/fix-1/src/a.rs", "vim src/a.rs"),
            ("vim ~/other/.worktrees/ada/ent-12-fix/src/a.rs", "vim src/a.rs"),
            ("gh api /repos/owner/name/pulls/3", "gh api /repos/owner/name/pulls/3"),
            ("cat ~/code/acme/src/a.rs", "cat <path>/src/a.rs"),
            ("cat \"~/My Work/acme/a b/c.rs\"", "cat \"<path>/a b/c.rs\""),
            ("file:///Users/bob/acme/src/a.rs", "<path>/src/a.rs"),
            ("vscode://file/Users/bob/acme/src/a.rs:3", "<path>/src/a.rs:3"),
            (r"\\nas\share\acme\a.txt", "<path>/acme/a.txt"),
            (r"\\wsl$\Ubuntu\home\bob\acme\a.txt", "<path>/acme/a.txt"),
            ("tail -f /tmp/claude-1000/x/y/out.log 2>/dev/null", "tail -f <tmp>/y/out.log 2>/dev/null"),
            ("ls /private/var/folders/zz/abc123/T/x/y", "ls <tmp>/x/y"),
            ("cat ~/.cargo/config.toml", "cat <home>/.cargo/config.toml"),
            ("cat ~/.config/a/b/c/d.toml", "cat <home>/.config/…/c/d.toml"),
            ("docker run -v /srv/shop/data:/data img", "docker run -v <path>/shop/data:/data img"),
            ("cat /acme/billing/src/a.rs", "cat <path>/src/a.rs"),
            ("ls /data/users/bob/x", "ls <path>/<user #>/x"),
            ("ls $HOME/acme/billing", "ls <path>/acme/billing"),
            ("/usr/bin/env bash /etc/hosts /dev/null", "/usr/bin/env bash /etc/hosts /dev/null"),
            ("GET /api/users/:id and /static/js/app.js", "GET /api/users/:id and /static/js/app.js"),
            ("sed s/a/b/ src/x.rs; ls ./a ../b ~", "sed s/a/b/ src/x.rs; ls ./a ../b ~"),
            ("/compact and /review-pr, and/or", "/compact and /review-pr, and/or"),
            ("ls $HOME/.cargo/bin /home/$USER/x", "ls $HOME/.cargo/bin /home/$USER/x"),
            ("import x from '@/components/Button.tsx'", "import x from '@/components/Button.tsx'"),
            ("cd /opt/homebrew/bin && ls /var/log/nginx", "cd /opt/homebrew/bin && ls /var/log/nginx"),
        ],
    },
    Rule {
        name: "worktree",
        switch: Switch::Paths,
        apply: find::worktrees,
        samples: &[
            ("vim .claude/worktrees/bob-fix/src/a.rs", "vim src/a.rs"),
            ("vim .worktrees/bob-fix/src/a.rs", "vim src/a.rs"),
            ("git worktree add .worktrees/fix", "git worktree add .worktrees/fix"),
        ],
    },
    Rule {
        name: "encoded-path",
        switch: Switch::Paths,
        apply: find::encoded_paths,
        samples: &[
            ("cat ~/.claude/projects/-Users-bob-acme/a.jsonl", "cat <home>/.claude/projects/<project #>/a.jsonl"),
            ("ls projects/-home-bob-acme", "ls projects/<project #>"),
            ("ls C--Users-bob-acme", "ls <project #>"),
            ("ls -srv-acme-api", "ls <project #>"),
            ("open?path=%2FUsers%2Fbob%2Facme&x=1", "open?path=<path>&x=1"),
            ("java -home-dir x -Users list -root-x", "java -home-dir x -Users list -root-x"),
        ],
    },
    Rule {
        name: "ssh",
        switch: Switch::Always,
        apply: find::ssh,
        samples: &[
            ("git clone git@github.com:acme/billing.git", "git clone <ssh #>"),
            ("To github.com:acme/billing.git", "To <ssh #>"),
            ("ssh bob@buildbox ls", "ssh <ssh #> ls"),
            ("scp a.txt bob@10.0.0.3:/srv/acme/x", "scp a.txt <ssh #>:<path>/acme/x"),
            ("rsync -a dist/ web1:/var/www", "rsync -a dist/ <ssh #>:<path>/www"),
            ("ssh -p 2222 prod-db1 'ls'", "ssh -p 2222 <ssh #> 'ls'"),
            ("bob@buildbox:~$ ls", "<ssh #>:~$ ls"),
            ("ping root@52.19.8.7", "ping <ssh #>"),
            ("michael@Michaels-Virtual-Machine % ls", "<ssh #> % ls"),
            ("kingbob@kings-laptop % git checkout kingbob/fix", "<ssh #> % git checkout <user #>/fix"),
            ("npm i react@18.2.0 @scope/pkg@next x@latest", "npm i react@18.2.0 @scope/pkg@next x@latest"),
            ("uses: actions/checkout@v4, img@sha256:ab/c", "uses: actions/checkout@v4, img@sha256:ab/c"),
            ("git log main@{upstream} this@Main user@host", "git log main@{upstream} this@Main user@host"),
            ("ssh keys, ssh-agent and ssh -T git@github.com", "ssh keys, ssh-agent and ssh -T git@github.com"),
        ],
    },
    Rule {
        name: "person",
        switch: Switch::Always,
        apply: find::persons,
        samples: &[
            ("--author=\"Bob King <bob@king.io>\"", "--author=\"<person #> <email #>\""),
            ("Signed-off-by: Bob King", "Signed-off-by: <person #>"),
            ("git config user.name 'Bob King'", "git config user.name '<person #>'"),
            ("GIT_AUTHOR_NAME=\"Bob King\" git commit", "GIT_AUTHOR_NAME=\"<person #>\" git commit"),
            ("Co-Authored-By: Claude <noreply@anthropic.com>", "Co-Authored-By: Claude <noreply@anthropic.com>"),
            ("user.name is required; config user.name 'Test User'", "user.name is required; config user.name 'Test User'"),
        ],
    },
    Rule {
        name: "email",
        switch: Switch::Always,
        apply: find::emails,
        samples: &[
            ("ask ada.k+x@example.org now", "ask <email #> now"),
            ("?to=bob%40king.io&x", "?to=<email #>&x"),
            ("mail jörg@müller.de", "mail <email #>"),
            ("icon@2x.png user@example.com noreply@github.com", "icon@2x.png user@example.com noreply@github.com"),
            ("pkg@1.0.0-beta.rc actions/cache@v3.x", "pkg@1.0.0-beta.rc actions/cache@v3.x"),
        ],
    },
    Rule {
        name: "login",
        switch: Switch::Always,
        apply: find::logins,
        samples: &[
            ("USER=bob make", "USER=<user #> make"),
            ("sudo -u bob ls", "sudo -u <user #> ls"),
            ("chown -R bob:bob .", "chown -R <user #>:<user #> ."),
            ("uid=501(bob) gid=20(staff)", "uid=501(<user #>) gid=20(staff)"),
            ("-rw-r--r--  1 bob  staff  12 Jan a", "-rw-r--r--  1 <user #>  staff  12 Jan a"),
            ("chown root:root x; sudo -u postgres psql; USER=$USER", "chown root:root x; sudo -u postgres psql; USER=$USER"),
        ],
    },
    Rule {
        name: "address",
        switch: Switch::Always,
        apply: find::addresses,
        samples: &[
            ("ping 192.168.1.20", "ping <address #>"),
            ("allow 52.19.8.7/32 and fd00::1:2", "allow <address #>/32 and <address #>"),
            ("ether 3c:22:fb:0a:1b:2c", "ether <address #>"),
            ("bind 127.0.0.1 0.0.0.0 ::1 8.8.8.8 10.0.0.0/8", "bind 127.0.0.1 0.0.0.0 ::1 8.8.8.8 10.0.0.0/8"),
            ("Chrome/120.0.1.2 v1.2.3.4 pkg@4.5.6.7 version 30.1.2.3", "Chrome/120.0.1.2 v1.2.3.4 pkg@4.5.6.7 version 30.1.2.3"),
            ("std::fs::read a::b 12:30:45 [::]", "std::fs::read a::b 12:30:45 [::]"),
        ],
    },
    Rule {
        name: "host",
        switch: Switch::Always,
        apply: find::hosts,
        samples: &[
            ("ping db.shop.internal", "ping <host #>"),
            ("Bobs-MacBook-Pro.local is up", "<host #> is up"),
            ("psql -h shop.c1.eu-west-1.rds.amazonaws.com", "psql -h <host #>"),
            ("host ip-10-0-3-7", "host <host #>"),
            ("acme.slack.com, acme.atlassian.net", "<host #>, <host #>"),
            ("settings.local.json .env.local env.local", "settings.local.json .env.local env.local"),
            ("com.acme.internal.Bar host.docker.internal", "com.acme.internal.Bar host.docker.internal"),
            ("example.com docs.rs localhost hooks.slack.com", "example.com docs.rs localhost hooks.slack.com"),
        ],
    },
    Rule {
        name: "account",
        switch: Switch::Always,
        apply: find::accounts,
        samples: &[
            ("arn:aws:iam::123456789012:role/deploy", "arn:aws:iam::<account #>:role/deploy"),
            ("arn:aws:s3:::bucket", "arn:aws:s3:::bucket"),
        ],
    },
    Rule {
        name: "id",
        switch: Switch::Always,
        apply: find::ids,
        samples: &[
            ("session 9bad2d76-e873-4a87-932a-a62da8e61684", "session <id #>"),
            ("a/9BAD2D76-E873-4A87-932A-A62DA8E61684.jsonl", "a/<id #>.jsonl"),
            ("cut 9bad2d76-e873-4a87-93…", "cut <id #>…"),
            ("toolu_01AbCdEfGhIjKlMnOpQrStUv", "<id #>"),
            ("00000000-0000-0000-0000-000000000000", "00000000-0000-0000-0000-000000000000"),
            ("fix in 3f2a9c1d, 2026-01-23-9b", "fix in 3f2a9c1d, 2026-01-23-9b"),
        ],
    },
    Rule {
        name: "name",
        switch: Switch::Always,
        apply: find::names,
        samples: &[
            ("lovelace on adas-macbook", "<user #> on <host #>"),
            ("/tmp/lovelace-x", "<tmp>/<user #>-x"),
            ("ADAS-MACBOOK", "<host #>"),
            ("love and laces", "love and laces"),
        ],
    },
];
