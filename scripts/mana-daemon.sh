#!/usr/bin/env bash
# Starts, stops or shows the daemon: scripts/mana-daemon.sh start|status|stop
# MANA_BIN names the program, where it is neither installed nor built in this checkout.
# MANA_LEARN_INTERVAL, MANA_CONSOLIDATE_INTERVAL (seconds) and MANA_LOG_DIR hold for `start`.
set -euo pipefail
# shellcheck source=scripts/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

case ${1:-} in
  start | status | stop) ;;
  *) die "no such command: '${1:-}'" "scripts/mana-daemon.sh start|status|stop" ;;
esac

program=${MANA_BIN:-}
if [ -z "$program" ] && have mana; then program=$(command -v mana); fi
if [ -z "$program" ] && have cargo; then
  built=$(target_dir)/$(build_target)/release/mana
  if [ -x "$built" ]; then program=$built; fi
fi
[ -n "$program" ] || die "there is no mana" "scripts/install installs it; MANA_BIN names one"
exec "$program" daemon "$1"
