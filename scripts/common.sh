# Shared by the scripts of this folder: sourced, never run.
# Gives: root (the checkout), say, warn, die, have, skip, target_dir, build_target, c_toolchain, as_root,
# apt_get.
# shellcheck shell=bash

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)

# What a step answers when something it needs cannot be had: neither passed nor failed.
# shellcheck disable=SC2034 # read by the scripts that source this file
readonly skipped=77

say() { printf '%s\n' "$*"; }
warn() { printf '%s\n' "$*" >&2; }
die() {
  warn "error: $1"
  shift
  local hint
  for hint in "$@"; do warn "Hint: $hint"; done
  exit 1
}
have() { command -v "$1" >/dev/null 2>&1; }

# Ends a step as skipped, with the reason.
skip() {
  say "SKIPPED: $*"
  exit "$skipped"
}

# Where cargo puts its results: honours CARGO_TARGET_DIR and cargo's own settings.
target_dir() {
  (cd "$root" && cargo metadata --locked --no-deps --format-version 1) |
    sed -n 's/.*"target_directory":"\([^"]*\)".*/\1/p'
}

# The triple that is built for: the static one where the machine can run it, else the host's own.
build_target() {
  local host
  host=$(rustc -vV | sed -n 's/^host: //p')
  case $host in
    x86_64-unknown-linux-*) say x86_64-unknown-linux-gnu ;;
    *) say "$host" ;;
  esac
}

# Makes sure of what libraries in C and C++ are built with; OpenSSL's build also needs perl and make.
c_toolchain() {
  local program missing=()
  for program in cc c++ make perl; do
    have "$program" || missing+=("$program")
  done
  [ ${#missing[@]} -eq 0 ] || die "missing for the build: ${missing[*]}" "on Debian: apt-get install build-essential perl"
}

# Runs a command as root when that needs no password; fails otherwise.
as_root() {
  if [ "$(id -u)" -eq 0 ]; then
    "$@"
  else
    have sudo && sudo -n "$@"
  fi
}

# Installs Debian packages, quietly; fails where that is not possible.
apt_get() {
  have apt-get || return 1
  local log
  log=$(mktemp)
  if as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "$@" >"$log" 2>&1 </dev/null ||
    { as_root env DEBIAN_FRONTEND=noninteractive apt-get update >"$log" 2>&1 </dev/null &&
      as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "$@" >"$log" 2>&1 </dev/null; }; then
    rm -f "$log"
  else
    tail -n 5 "$log" >&2
    rm -f "$log"
    return 1
  fi
}
