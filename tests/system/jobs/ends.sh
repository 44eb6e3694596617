# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# For the jobs that look at guests' ends: each reason that a domain can shut down for, with each action. The reference guest
# is at /test/hello, /test/end-guest ends it.
dumps() { find /var/lib/xen/dump -name 'e-*' 2>/dev/null | wc -l; }
new_one() { n=$(domid_of e) && [ -n "$n" ] && [ "$n" != "$1" ] && grep -aq "hello from e, domain $n" "$(console_of e)"; }
old_one() { $XL list | grep "^e-[0-9]*T" | awk -v id="$1" '$2 == id' | grep -q ' ..*s'; }
stays() { [ "$(domid_of e)" = "$1" ] && state_of e | grep -q s; }
no_e() { for id in $($XL list | awk '/^e/ { print $2 }'); do $XL destroy "$id"; done >/dev/null 2>&1; ! $XL list | grep -q '^e'; }

# end_one REASON ACTION: 0 when what happens is what was asked for.
end_one() {
    rm -rf "$(console_of e)" /var/lib/xen/dump/e-*
    printf 'name = "e"\nkernel = "/test/hello"\nmemory = 8\ncmdline = "stay"\non_%s = "%s"\n' "$1" "$2" >/tmp/e.cfg
    $XL create -q /tmp/e.cfg || return 1
    id=$($XL domid e)
    wait_for 10 console_has e 'hello from e' || { echo "it does not come up"; return 1; }
    /test/end-guest "$id" "$1" || return 1
    case $2 in
    *destroy) wait_for 20 gone e ;;
    rename-restart) wait_for 20 old_one "$id" && wait_for 20 new_one "$id" ;;
    *restart) wait_for 20 new_one "$id" && ! $XL list "$id" >/dev/null 2>&1 ;;
    preserve) wait_for 10 stays "$id" && sleep 1 && stays "$id" &&
        { [ "$XL" = xl-debian ] || $XL list --json e | grep -q "\"shutdown_reason\": \"$1\""; } ;;
    esac || { echo "the domains are:"; $XL list; return 1; }
    case $2 in
    coredump-*) [ "$(dumps)" = 1 ] && head -c 4 /var/lib/xen/dump/e-* | grep -q ELF ;;
    *) [ "$(dumps)" = 0 ] ;;
    esac || { echo "cores:"; ls -l /var/lib/xen/dump; return 1; }
}

ends_of_guests() {
    for reason in poweroff reboot crash watchdog; do
        for action in destroy restart rename-restart preserve coredump-destroy coredump-restart; do
            check "on_$reason = $action" end_one $reason $action
            wait_for 20 no_e || fail "it is not gone"
        done
    done
    rm -f /var/lib/xen/dump/e-*
}
