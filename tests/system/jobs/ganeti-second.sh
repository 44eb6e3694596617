# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# A second node for Debian's Ganeti: waits for the first one's commands, which come by ssh and from its node daemon, and
# ends when the first says so or is no longer there.
. /usr/lib/vellum/ganeti-pair.sh
ganeti_pair 2
first_answers() { ping -c 1 -W 30 10.9.0.1; }
check "the first node is there" wait_for 120 first_answers
missed=0
until [ -e /run/finish ] || [ $missed = 4 ]; do
    sleep 5
    if first_answers >/dev/null 2>&1; then missed=0; else missed=$((missed + 1)); fi
done
check "the first node has said that it is done" [ -e /run/finish ]
logs node-daemon
job_end
